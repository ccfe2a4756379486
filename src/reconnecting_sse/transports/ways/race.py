"""Which of a host's addresses to try next, and when (RFC 8305)."""

from __future__ import annotations

from itertools import chain, zip_longest
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

STAGGER = 0.25
"""RFC 8305, section 5: the recommended time between two attempts, in seconds."""

_Address = TypeVar("_Address", bound=tuple[Any, ...])


def interleaved(found: Sequence[_Address]) -> list[_Address]:
    """What ``getaddrinfo`` has found, the families by turns, its first one first.

    RFC 8305, section 4. An address that was found twice is tried once.
    """
    families: dict[Any, list[_Address]] = {}
    for address in dict.fromkeys(found):
        families.setdefault(address[0], []).append(address)
    turns = chain.from_iterable(zip_longest(*families.values()))
    return [address for address in turns if address is not None]


class Race(Generic[_Address]):
    """The attempts to reach one of some addresses; whoever runs them has the clock.

    Args:
        addresses: In the order in which to try them.
        now: When the first may begin.
    """

    __slots__ = ("_addresses", "_begun", "_due", "_errors", "_failed")

    def __init__(self, addresses: Sequence[_Address], now: float) -> None:
        self._addresses = addresses
        self._begun = self._failed = 0
        self._due = now
        self._errors: list[OSError] = [OSError("the host has no address")]

    @property
    def is_lost(self) -> bool:
        """Whether all have failed."""
        return self._failed == len(self._addresses)

    def wait(self, now: float) -> float | None:
        """The seconds until the next attempt is due; None: there is no other."""
        if self._begun == len(self._addresses):
            return None
        return max(0.0, self._due - now)

    def begin(self, now: float) -> _Address:
        """The address of the attempt that is due, and begins now."""
        address = self._addresses[self._begun]
        self._begun += 1
        self._due = now + STAGGER
        return address

    def failed(self, error: OSError, now: float) -> None:
        """An attempt failed: the next one need not wait any longer."""
        self._failed += 1
        self._errors.append(error.with_traceback(None))  # its frames know the race
        self._due = min(self._due, now)

    def lost(self) -> OSError:
        """The last attempt's error, given away."""
        return self._errors.pop()
