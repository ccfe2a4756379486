"""How a blocked wire is told to let go."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    Release = Callable[[], object]

ABORT = "reconnecting_sse.abort"
"""Where a request's ``extensions`` carry the signal of their exchange."""


class AbortSignal:
    """Set once, from any thread or signal handler; frees the connection at hand.

    A wire attaches what frees its current connection: a callable that takes no lock
    and may be called at any moment and more than once. Attaching to a signal that is
    already set calls it at once, so that neither order of the two loses the abort.
    """

    __slots__ = ("_release", "aborted")

    def __init__(self) -> None:
        self.aborted = False
        self._release: Release | None = None

    def attach(self, release: Release | None) -> Release | None:
        """Make ``release`` what the signal calls; returns what it was before."""
        previous, self._release = self._release, release
        if self.aborted and release is not None:
            release()
        return previous

    def abort(self) -> None:
        """Set the signal, and free the connection at hand."""
        self.aborted = True
        self.release()

    def release(self) -> None:
        """Free the connection at hand, but leave the signal unset."""
        release = self._release
        if release is not None:
            release()
