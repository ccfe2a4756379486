"""What strategies are told of an end, and the strategies that are used by default.

They are tenacity's vocabulary: plain callables on a ``RetryCallState``. Nothing here
sleeps, logs or looks at a clock.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any, TypeVar

from tenacity import Future, RetryCallState
from tenacity.wait import wait_base

from reconnecting_sse.core.callers import ask, plain
from reconnecting_sse.core.errors import (
    CertificateRejected,
    StreamError,
    UnexpectedContentType,
    UnexpectedStatus,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    WaitStrategy = Callable[[RetryCallState], float]
    StopStrategy = Callable[[RetryCallState], bool]
    RetryStrategy = Callable[[RetryCallState], bool]

_T = TypeVar("_T")

FIRST_OPEN_ATTEMPTS = 10
"""Attempts before the first open, after which the default ``stop`` gives up."""


class EndState(RetryCallState):
    """A tenacity ``RetryCallState`` of an error, made without a look at a clock.

    Args:
        error: What an attempt ended with.
        attempt_number: How many there were.
        start_time: When the first began.
        now: When this one ended.
        idle_for: Seconds waited between them so far.
    """

    # tenacity's own constructor reads the clock: every attribute is set here instead.
    def __init__(
        self,
        error: BaseException,
        *,
        attempt_number: int,
        start_time: float = 0.0,
        now: float = 0.0,
        idle_for: float = 0.0,
    ) -> None:
        outcome = Future(attempt_number)
        outcome.set_exception(error)
        vars(self).update(
            start_time=start_time,
            retry_object=None,  # nobody retries for us
            fn=None,
            args=(),
            kwargs={},
            attempt_number=attempt_number,
            outcome=outcome,
            outcome_timestamp=now,
            idle_for=idle_for,
            next_action=None,
            upcoming_sleep=0.0,
        )


class ReconnectState(EndState):
    """What ``wait``, ``stop`` and ``retry`` are told of an attempt that ended.

    A tenacity ``RetryCallState`` whose ``outcome`` is the error (a clean end is
    ``StreamEnded``), whose ``attempt_number`` counts the consecutive ends without
    progress and whose ``start_time`` is the moment progress ended.

    Attributes:
        reconnection_time: Seconds: the server's ``retry`` within ``retry_bounds``, or
            ``initial_delay`` while it has sent none.
        is_server_directed: Whether the server has sent a ``retry``.
        retry_after: Seconds that this outcome's ``Retry-After`` asks for, or None.
        was_open: Whether a stream was ever open on this source.
        malformed_answers: How many answers running were no HTTP, this one included.
    """

    def __init__(
        self,
        error: StreamError,
        *,
        attempt_number: int,
        start_time: float,
        now: float,
        idle_for: float,
        reconnection_time: float,
        is_server_directed: bool = False,
        retry_after: float | None = None,
        was_open: bool = False,
        malformed_answers: int = 0,
    ) -> None:
        super().__init__(
            error,
            attempt_number=attempt_number,
            start_time=start_time,
            now=now,
            idle_for=idle_for,
        )
        self.error = error
        self.reconnection_time = reconnection_time
        self.is_server_directed = is_server_directed
        self.retry_after = retry_after
        self.was_open = was_open
        self.malformed_answers = malformed_answers

    @property
    def floor(self) -> float:
        """The shortest wait that the server's word allows."""
        retry = self.reconnection_time if self.is_server_directed else 0.0
        return max(retry, self.retry_after or 0.0)


def doubled(first: float, number: int, longest: float) -> float:
    """The n-th of delays that double from the first one, up to the longest."""
    return min(longest, first * 2.0 ** min(number - 1, 64))  # far beyond any longest


class wait_backoff(wait_base):  # noqa: N801  (tenacity's spelling for strategies)
    """Doubles the reconnection time up to ``max_delay``, spread so that no herd forms.

    Our own delay is drawn from its upper half. A server's ``retry`` is doubled as
    well, but the spread only adds to it; to a ``Retry-After`` it only adds, too.
    """

    def __init__(self, max_delay: float = 30.0) -> None:
        self.max_delay = max_delay

    def __call__(self, retry_state: RetryCallState) -> float:
        assert isinstance(retry_state, ReconnectState)
        base = retry_state.reconnection_time
        cap = max(self.max_delay, base)
        whole = doubled(base, retry_state.attempt_number, cap)
        if retry_state.is_server_directed:
            delay = random.uniform(whole, 1.5 * whole)  # noqa: S311  (not a secret)
        else:
            delay = random.uniform(whole / 2, whole)  # noqa: S311
        if retry_state.retry_after is None:
            return delay
        spread = random.uniform(0, whole / 2)  # noqa: S311
        return max(delay, retry_state.retry_after + spread)


class wait_reconnection_time(wait_base):  # noqa: N801
    """Exactly the reconnection time, each time: what a browser waits."""

    def __call__(self, retry_state: RetryCallState) -> float:
        assert isinstance(retry_state, ReconnectState)
        return retry_state.reconnection_time


def stop_before_first_open(retry_state: RetryCallState) -> bool:
    """Gives up after 10 attempts, but never once a stream was open."""
    assert isinstance(retry_state, ReconnectState)
    exhausted = retry_state.attempt_number >= FIRST_OPEN_ATTEMPTS
    return exhausted and not retry_state.was_open


def stop_never(_: RetryCallState) -> bool:
    """Goes on for ever."""
    return False


def retry_like_a_browser(retry_state: RetryCallState) -> bool:
    """Whatever is a network's fault is tried again, an answer never."""
    assert isinstance(retry_state, ReconnectState)
    final = (UnexpectedStatus, UnexpectedContentType, CertificateRejected)
    return not isinstance(retry_state.error, final)


def ask_strategy(
    name: str,
    strategy: Callable[[RetryCallState], object],
    state: ReconnectState,
    kind: Callable[[Any], _T],
) -> _T:
    """A strategy's answer as what is wanted, a ``kind``.

    Raises:
        CallersError: The strategy raised, its answer is of no such kind, or it would
            have to be awaited.
    """
    message = (
        f"{name}= returned an awaitable; reconnection strategies are plain functions on"
        " either face"
    )
    return ask(lambda: kind(plain(strategy(state), message)))
