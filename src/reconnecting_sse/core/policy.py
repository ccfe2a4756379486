"""Which outcomes are tried again, and after how long; the table, and its exceptions.

Pure: strategies are asked here and nowhere else.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Literal

from tenacity.retry import retry_base
from tenacity.stop import stop_base
from tenacity.wait import wait_base

from reconnecting_sse.core.callers import CallersError, is_coroutine_function
from reconnecting_sse.core.cursor import CARRIED_BYTES
from reconnecting_sse.core.errors import (
    CertificateRejected,
    EventTooLarge,
    StreamEnded,
    StreamError,
    UnexpectedContentType,
    UnexpectedStatus,
)
from reconnecting_sse.core.strategies import (
    FIRST_OPEN_ATTEMPTS,
    ask_strategy,
    doubled,
    retry_like_a_browser,
    stop_before_first_open,
    stop_never,
    wait_backoff,
    wait_reconnection_time,
)

if TYPE_CHECKING:
    from reconnecting_sse.core.strategies import (
        ReconnectState,
        RetryStrategy,
        StopStrategy,
        WaitStrategy,
    )

UNEXPECTED_DELAYS = (300.0, 3600.0)
"""Seconds: the slow schedule of ``unexpected="retry"``, first and longest."""

MALFORMED_ANSWERS = 2
"""How many running say that no server of HTTP is there, if there never was one."""

_TENACITYS = (retry_base, stop_base, wait_base)

_TRY_AGAIN = frozenset({408, 425, 429})
_SERVER_ERRORS = range(500, 600)


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
            if _has_coroutine_function(strategy):
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
        # Said so that NaN, which is neither, is refused as well.
        if not (self.initial_delay >= 0 <= self.max_delay and 0 <= low <= high):
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
            stop=stop_never,
            retry=retry_like_a_browser,
            initial_delay=initial_delay,
            retry_bounds=(0.0, float("inf")),
        )

    @property
    def id_limit(self) -> float:
        """How many bytes an ID may take in a request: a browser sends any."""
        is_browser = self.retry is retry_like_a_browser
        return math.inf if is_browser else CARRIED_BYTES

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
            if ask_strategy("retry", self.retry, state, bool):
                return Verdict.RETRY
            is_clean = isinstance(error, StreamEnded)
            return Verdict.FINISH if is_clean else Verdict.RAISE
        is_hopeless = state.malformed_answers >= MALFORMED_ANSWERS
        if is_hopeless and not state.was_open:
            return Verdict.RAISE
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
        wait = ask_strategy("wait", strategy, state, float)
        if math.isnan(wait):
            raise CallersError(ValueError("wait= returned NaN, which is no time"))
        return max(wait, state.floor)

    def slow_delay(self, state: ReconnectState, unexpected_number: int) -> float:
        """Seconds to wait after the n-th consecutive unexpected answer."""
        first, longest = UNEXPECTED_DELAYS
        whole = doubled(first, unexpected_number, longest)
        delay = random.uniform(whole / 2, whole)  # noqa: S311  (not a secret)
        return max(delay, state.floor)

    def gives_up(self, state: ReconnectState) -> bool:
        """Whether ``stop`` ends the attempts now."""
        strategy = self.stop or stop_before_first_open
        return ask_strategy("stop", strategy, state, bool)

    def outlook(self, state: ReconnectState) -> str:
        """How long attempts go on while no stream was ever open, for a reader."""
        if self.stop is not None:
            is_endless = self.stop is stop_never
            return "until it is closed" if is_endless else "until stop= says so"
        left = FIRST_OPEN_ATTEMPTS - state.attempt_number
        attempts = f"up to {left} more attempt{'s' * (left != 1)}"
        if self.wait is not None:
            return attempts
        cap = max(self.max_delay, state.reconnection_time)
        numbers = range(state.attempt_number, FIRST_OPEN_ATTEMPTS)
        longest = sum(doubled(state.reconnection_time, n, cap) for n in numbers)
        return f"{attempts}, with up to {longest:.0f} s of waits between them"


def is_retryable(status: int | None) -> bool:
    """Whether the table tries again after this status, whoever asks."""
    return status in _TRY_AGAIN or status in _SERVER_ERRORS


def _has_coroutine_function(strategy: object) -> bool:
    """Whether it is one, or one of tenacity's that combines others and has one."""
    if is_coroutine_function(strategy):
        return True
    if not isinstance(strategy, _TENACITYS):
        return False
    for held in vars(strategy).values():
        parts = held if isinstance(held, tuple) else (held,)
        if any(map(_has_coroutine_function, parts)):
            return True
    return False
