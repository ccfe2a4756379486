"""What a source's keywords may be: checked before anything else is made of them."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Literal

from reconnecting_sse.core.callers import is_coroutine_function
from reconnecting_sse.core.cursor import LAST_EVENT_ID, checked_id
from reconnecting_sse.core.idle import AdaptiveIdleTimeout
from reconnecting_sse.core.policy import ReconnectPolicy
from reconnecting_sse.exchange.request import fields_of
from reconnecting_sse.subscription.checks import GapWatch

if TYPE_CHECKING:
    from reconnecting_sse.exchange.request import StreamRequest


def idle_of(
    timeout: float | Literal["adaptive"] | None,
) -> tuple[AdaptiveIdleTimeout | None, float | None]:
    """What learns the idle timeout, where it is to be learnt, and its first seconds."""
    if not isinstance(timeout, str):
        return None, timeout
    if timeout != "adaptive":
        raise ValueError(
            f'idle_timeout= is seconds, None or "adaptive", not {timeout!r}'
        )
    adaptive = AdaptiveIdleTimeout()
    return adaptive, adaptive.seconds


def seconds_of(name: str, value: float | None) -> float | None:
    """A timeout that the platform can wait for; None for none."""
    if isinstance(value, str) or not (value is None or hasattr(value, "__float__")):
        raise TypeError(f"{name}= is seconds or None, not {value!r}")
    if value is None or value > threading.TIMEOUT_MAX:
        return None
    if not value >= 0:  # nor NaN
        raise ValueError(f"{name}= is seconds or None, not {value}")
    return value


def check_plain(**functions: object) -> None:
    """Refuse what nobody could call, or would await."""
    for name, function in functions.items():
        if is_coroutine_function(function):
            raise TypeError(f"{name}= is a coroutine function: it is never awaited")
        if not (
            function is None or callable(function) or isinstance(function, GapWatch)
        ):
            raise TypeError(f"{name}= must be callable, not {function!r}")


def check_prepare(prepare: object, *, is_async: bool) -> None:
    """Refuse what nobody could call, or would await."""
    if prepare is not None and not callable(prepare):
        raise TypeError(f"prepare= must be callable, not {prepare!r}")
    if is_coroutine_function(prepare) and not is_async:
        raise TypeError(
            "prepare= is a coroutine function, which an httpxr.Client cannot await:"
            " give a plain function, or an httpxr.AsyncClient"
        )


def check_body(*, json: object, data: object, content: object) -> None:
    """Refuse a body that may give its data only once, or that is another's, too."""
    if sum((bool(data), bool(content), json is not None)) > 1:
        raise TypeError("give one of json=, data= and content=: a request has one body")
    if content is not None and not isinstance(content, (bytes, str)):
        raise TypeError(
            "content= must be bytes or str: it is sent again with every attempt, and"
            f" a {type(content).__name__} may give its data only once"
        )


def event_bytes_of(value: int | None) -> int | None:
    """A size that an event can have; None for any."""
    if value is None or (not isinstance(value, str) and value > 0):
        return value
    raise ValueError(f"max_event_bytes= is a number of bytes, or None, not {value!r}")


def one_policy(policy: ReconnectPolicy | None, **strategies: Any) -> ReconnectPolicy:
    """The policy as it was given, or of the strategies that were."""
    given = {name: s for name, s in strategies.items() if s is not None}
    if policy is None:
        return ReconnectPolicy(**given)
    if given:
        raise TypeError(f"give policy= or {'=, '.join(given)}=, not both")
    return policy


def initial_id(given: str | None, request: StreamRequest, client: Any) -> str:
    """The first attempt's ID: the keyword's, the caller's header's or the client's."""
    if not (given is None or isinstance(given, str)):
        raise TypeError(f"last_event_id= is a str, as an event gave it, not {given!r}")
    in_header = LAST_EVENT_ID.position_in(fields_of(request.headers))
    if in_header is None:
        in_header = LAST_EVENT_ID.position_in(client.headers.raw)
    if given is not None and in_header is not None and given != in_header:
        raise ValueError(
            "last_event_id= and the Last-Event-ID header differ; give one of them"
        )
    return checked_id(given if given is not None else in_header or "")
