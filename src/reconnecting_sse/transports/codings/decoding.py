"""What decodes a content coding as the bytes arrive."""

from __future__ import annotations

from abc import ABC, abstractmethod

OUTPUT_LIMIT = 65536
"""Bytes asked for in one step, so that a bomb inflates no faster than it is read."""


class DecodingError(Exception):
    """The bytes are not what their Content-Encoding says."""


class Decoder(ABC):
    """Gives what was flushed at once, and no more in a step than is bounded.

    Attributes:
        pending: More output may come without more input.
    """

    pending: bool = False

    @property
    @abstractmethod
    def is_whole(self) -> bool:
        """Whether the input may end here; otherwise it was cut short."""

    @abstractmethod
    def decode(self, data: bytes) -> bytes:
        """What ``data`` adds, or the first part of it; empty may be pending, too.

        Raises:
            DecodingError: The input is damaged.
        """
