"""br, with either of the libraries that can bound its output."""

from __future__ import annotations

from contextlib import suppress
from importlib import import_module
from typing import Any

from reconnecting_sse.transports.codings.decoding import (
    OUTPUT_LIMIT,
    Decoder,
    DecodingError,
)


def brotli_library() -> Any:
    """The installed library, or None; one before 1.2 would inflate a bomb whole."""
    for name in ("brotli", "brotlicffi"):
        with suppress(ImportError):
            library = import_module(name)
            if hasattr(library.Decompressor, "can_accept_more_data"):
                return library
    return None


# One of the libraries goes on to the end of a block, its first of 32 KiB, and its next
# of 64 KiB, where the first is not full: it must be asked for less than the first.
_OUTPUT_LIMIT = OUTPUT_LIMIT // 4


class BrotliDecoder(Decoder):
    """One step gives less than ``OUTPUT_LIMIT`` bytes."""

    def __init__(self, library: Any) -> None:
        self._error: type[Exception] = library.error
        self._stream = library.Decompressor()
        self._tail = b""
        self._is_empty = True
        self._is_finished = False

    @property
    def is_whole(self) -> bool:
        return self._is_empty or self._is_finished

    def decode(self, data: bytes) -> bytes:
        data, self._tail = self._tail + data, b""
        if self._is_finished or not (data or self.pending):
            self.pending: bool = False
            return b""
        self._is_empty = False
        if not self._stream.can_accept_more_data():
            data, self._tail = b"", data
        try:
            output: bytes = self._stream.process(
                data, output_buffer_limit=_OUTPUT_LIMIT
            )
            self._is_finished = self._stream.is_finished()
        except self._error as error:
            raise DecodingError(str(error)) from error
        # It may take more input, and hold output back all the same.
        is_full = (
            len(output) >= _OUTPUT_LIMIT or not self._stream.can_accept_more_data()
        )
        self.pending = is_full or bool(self._tail)
        return output
