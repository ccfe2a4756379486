"""How a blocked wire is told to let go."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    Release = Callable[[], object]

ABORT = "reconnecting_sse.abort"
"""Where a request's ``extensions`` carry the signal of their exchange."""


class AbortSignal:
    """Frees the connection at hand, from any thread or signal handler.

    A wire attaches what frees its current connection: a callable that takes no lock
    and may be called at any moment and more than once. Attaching to a signal that was
    raised before calls it at once, so that neither order of the two loses it.

    Attributes:
        aborted: Raised for good: every connection is freed, also those to come.
        is_due: Raised for the connection at hand; whoever acts on it takes it back.
    """

    __slots__ = ("_release", "aborted", "is_due")

    def __init__(self) -> None:
        self.aborted: bool = False
        self.is_due: bool = False
        self._release: Release | None = None

    def attach(self, release: Release | None) -> Release | None:
        """Make ``release`` what the signal calls; returns what it was before."""
        previous, self._release = self._release, release
        if (self.aborted or self.is_due) and release is not None:
            release()
        return previous

    def abort(self) -> None:
        """Free the connection at hand, and those to come."""
        self.aborted = True
        self.release()

    def release(self) -> None:
        """Free the connection at hand only."""
        self.is_due = True
        release = self._release
        if release is not None:
            release()
