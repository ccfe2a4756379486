"""What a worker asks of its store, as steps: whoever goes through them waits for it."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

from reconnecting_sse.subscription.errands import Errand

if TYPE_CHECKING:
    from reconnecting_sse.core.claims import Mark

Steps = Generator[Errand | float | Callable[[], Any] | None, Any, Any]
"""Errands for the keeper, pauses in seconds, calls; None waits until somebody rings."""


class Stopped(Exception):
    """The worker is to stop, and has waited no longer."""


def came_of(errand: Errand) -> Any:
    """What the store gave for it.

    Raises:
        StoreError: Or the error.
        Stopped: Nobody has waited for it.
    """
    if not errand.is_done:
        raise Stopped
    if isinstance(errand.outcome, BaseException):
        raise errand.outcome
    return errand.outcome


def recorded(
    mark: Mark, settle: Callable[[], object] = bool, *, is_first: bool = False
) -> Steps:
    """Have a mark recorded, before anything else."""
    errand = Errand("record", mark=mark, settle=settle, is_first=is_first)
    yield errand
    came_of(errand)
