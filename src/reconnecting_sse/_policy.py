"""Which outcomes are tried again, and after how long.

Pure: strategies are tenacity's plain callables, asked here and nowhere else; nothing
sleeps, logs or looks at a clock.
"""

from __future__ import annotations

import inspect
import random
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Literal, TypeVar

from tenacity import Future, RetryCallState
from tenacity.wait import wait_base

from reconnecting_sse._callers import CallersError, ask
from reconnecting_sse._errors import (
    CertificateRejected,
    EventTooLarge,
    StreamEnded,
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

UNEXPECTED_DELAYS = (300.0, 3600.0)
"""Seconds: the slow schedule of ``unexpected="retry"``, first and longest."""

_TRY_AGAIN = frozenset({408, 425, 429})
_SERVER_ERRORS = range(500, 600)


class ReconnectState(RetryCallState):
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
    """

    # tenacity's own constructor reads the clock: every attribute is set here instead.
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
        self.error = error
        self.reconnection_time = reconnection_time
        self.is_server_directed = is_server_directed
        self.retry_after = retry_after
        self.was_open = was_open

    @property
    def floor(self) -> float:
        """The shortest wait that the server's word allows."""
        retry = self.reconnection_time if self.is_server_directed else 0.0
        return max(retry, self.retry_after or 0.0)


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
        doublings = min(retry_state.attempt_number - 1, 64)  # far beyond any cap
        whole = min(cap, base * 2.0**doublings)
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


def _stop_never(_: RetryCallState) -> bool:
    return False


def _retry_like_a_browser(retry_state: RetryCallState) -> bool:
    assert isinstance(retry_state, ReconnectState)
    final = (UnexpectedStatus, UnexpectedContentType, CertificateRejected)
    return not isinstance(retry_state.error, final)


class Verdict(Enum):
    """What follows an outcome."""

    RETRY = auto()
    RETRY_SLOWLY = auto()
    RAISE = auto()
    FINISH = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconnectPolicy:
    """When and how a source reconnects. Immutable: any number of sources may share it.

    Args:
        wait: A tenacity wait strategy; the wait taken is never below what the server
            asked for. Default: exponential from the reconnection time, with jitter.
        stop: A tenacity stop strategy. Default: before the first open after 10
            attempts, afterwards never.
        retry: A tenacity retry strategy; replaces the table of which outcomes are
            tried again, but for 204, ``close()``, ``until`` and ``EventTooLarge``.
        initial_delay: Seconds: the reconnection time until the server sends one.
        max_delay: Seconds: the cap of the default wait's doubling.
        retry_bounds: Seconds between which a server's ``retry`` is taken; the upper
            one bounds ``Retry-After`` too.
        unexpected: What an unexpected answer means after the stream was open once:
            ``"raise"``, or ``"retry"`` on a slow schedule, 5 min doubling to 1 h.

    Raises:
        TypeError: A strategy is a coroutine function: it would never be awaited.
        ValueError: A delay is negative, the bounds are reversed, or ``unexpected`` is
            neither word.
    """

    wait: WaitStrategy | None = None
    stop: StopStrategy | None = None
    retry: RetryStrategy | None = None
    initial_delay: float = 1.0
    max_delay: float = 30.0
    retry_bounds: tuple[float, float] = (0.1, 3600.0)
    unexpected: Literal["raise", "retry"] = "raise"

    def __post_init__(self) -> None:
        for name in ("wait", "stop", "retry"):
            strategy = getattr(self, name)
            called = getattr(strategy, "__call__", None)  # noqa: B004  (its type)
            if inspect.iscoroutinefunction(strategy) or inspect.iscoroutinefunction(
                called
            ):
                raise TypeError(
                    f"{name}= is a coroutine function; reconnection strategies are"
                    " plain functions on either face"
                )
            if strategy is not None and not callable(strategy):
                raise TypeError(f"{name}= must be callable, not {strategy!r}")
        if self.unexpected not in ("raise", "retry"):
            raise ValueError(
                f'unexpected= must be "raise" or "retry", not {self.unexpected!r}'
            )
        low, high = self.retry_bounds
        if self.initial_delay < 0 or self.max_delay < 0 or not 0 <= low <= high:
            raise ValueError(
                "delays must not be negative, and retry_bounds must ascend:"
                f" initial_delay={self.initial_delay}, max_delay={self.max_delay},"
                f" retry_bounds={self.retry_bounds}"
            )

    @classmethod
    def standard(cls, initial_delay: float = 3.0) -> ReconnectPolicy:
        """The browser, to the letter (WHATWG HTML, section 9.2.3).

        Any status but 200 and any other content type ends the subscription; every
        wait is the reconnection time, neither clamped nor spread; nothing gives up.
        """
        return cls(
            wait=wait_reconnection_time(),
            stop=_stop_never,
            retry=_retry_like_a_browser,
            initial_delay=initial_delay,
            retry_bounds=(0.0, float("inf")),
        )

    def reconnection_time(self, retry_ms: int | None) -> float:
        """Seconds: the server's ``retry`` within the bounds, or our own base."""
        if retry_ms is None:
            return self.initial_delay
        low, high = self.retry_bounds
        return min(max(retry_ms / 1000, low), high)

    def classify(self, state: ReconnectState, *, on_end: str | None) -> Verdict:
        """What the outcome in ``state`` leads to; ``on_end`` is for a clean end."""
        error = state.error
        if isinstance(error, EventTooLarge):
            return Verdict.RAISE  # a reconnect would meet the same event again
        if isinstance(error, StreamEnded) and on_end == "finish":
            return Verdict.FINISH
        if self.retry is not None:
            if _answer("retry", self.retry, state):
                return Verdict.RETRY
            is_clean = isinstance(error, StreamEnded)
            return Verdict.FINISH if is_clean else Verdict.RAISE
        return self._by_the_table(error, was_open=state.was_open)

    def _by_the_table(self, error: StreamError, *, was_open: bool) -> Verdict:
        if isinstance(error, CertificateRejected):
            return Verdict.RETRY if was_open else Verdict.RAISE
        if isinstance(error, UnexpectedStatus) and is_retryable(error.status):
            return Verdict.RETRY
        if isinstance(error, (UnexpectedStatus, UnexpectedContentType)):
            is_patient = was_open and self.unexpected == "retry"
            return Verdict.RETRY_SLOWLY if is_patient else Verdict.RAISE
        return Verdict.RETRY

    def delay(self, state: ReconnectState) -> float:
        """Seconds to wait: the larger of the strategy's and the server's word."""
        strategy = self.wait or wait_backoff(self.max_delay)
        return max(float(_answer("wait", strategy, state)), state.floor)

    def slow_delay(self, state: ReconnectState, unexpected_number: int) -> float:
        """Seconds to wait after the n-th consecutive unexpected answer."""
        first, longest = UNEXPECTED_DELAYS
        whole = min(longest, first * 2.0 ** min(unexpected_number - 1, 64))
        delay = random.uniform(whole / 2, whole)  # noqa: S311  (not a secret)
        return max(delay, state.floor)

    def gives_up(self, state: ReconnectState) -> bool:
        """Whether ``stop`` ends the attempts now."""
        strategy = self.stop or stop_before_first_open
        return bool(_answer("stop", strategy, state))


def is_retryable(status: int | None) -> bool:
    """Whether the table tries again after this status, whoever asks."""
    return status in _TRY_AGAIN or status in _SERVER_ERRORS


def _answer(
    name: str, strategy: Callable[[RetryCallState], _T], state: ReconnectState
) -> _T:
    """A strategy's answer; one that would have to be awaited is refused."""
    answer = ask(strategy, state)
    if inspect.isawaitable(answer):
        close = getattr(answer, "close", None)
        if close is not None:
            close()  # or Python warns of a coroutine that was never awaited
        raise CallersError(
            TypeError(
                f"{name}= returned an awaitable; reconnection strategies are plain"
                " functions on either face"
            )
        )
    return answer
