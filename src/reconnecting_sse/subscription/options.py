"""What a source's keywords may be: checked before anything else is made of them."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from reconnecting_sse.core.answer import ANY_TYPE
from reconnecting_sse.core.callers import is_coroutine_function
from reconnecting_sse.core.commits import CommitPolicy
from reconnecting_sse.core.cursor import ByHeader, checked_id
from reconnecting_sse.core.dialect import STANDARD, Dialect
from reconnecting_sse.core.errors import shortened
from reconnecting_sse.core.idle import AdaptiveIdleTimeout
from reconnecting_sse.core.lifecycle import Gap
from reconnecting_sse.core.media import essence_of
from reconnecting_sse.core.policy import ReconnectPolicy
from reconnecting_sse.exchange.request import (
    COMPRESSED_DEFAULTS,
    fields_of,
    request_of,
)
from reconnecting_sse.exchange.urls import named_origin
from reconnecting_sse.subscription.holding import Durability
from reconnecting_sse.transports.timeouts import Timeouts

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from reconnecting_sse.core.lifecycle import Lifecycle
    from reconnecting_sse.exchange.request import StreamRequest
    from reconnecting_sse.stores.store import Store

    _OnEnd = Literal["reconnect", "finish"] | None


def timeouts_of(
    connect: float | None,
    header: float | None,
    idle: float | Literal["adaptive"] | None,
) -> tuple[AdaptiveIdleTimeout | None, Timeouts]:
    """What learns the idle timeout, where it is to be learnt; what holds at first."""
    adaptive, silence = _idle_of(idle)
    return adaptive, Timeouts(
        _seconds_of("connect_timeout", connect),
        _seconds_of("header_timeout", header),
        _seconds_of("idle_timeout", silence),
    )


def _idle_of(
    timeout: float | Literal["adaptive"] | None,
) -> tuple[AdaptiveIdleTimeout | None, float | None]:
    if not isinstance(timeout, str):
        return None, timeout
    if timeout != "adaptive":
        raise ValueError(
            f'idle_timeout= is seconds, None or "adaptive", not {timeout!r}'
        )
    adaptive = AdaptiveIdleTimeout()
    return adaptive, adaptive.seconds


def _seconds_of(name: str, value: float | None) -> float | None:
    """A timeout that the platform can wait for; None for none."""
    if isinstance(value, str) or not (value is None or hasattr(value, "__float__")):
        raise TypeError(f"{name}= is seconds or None, not {value!r}")
    if value is None or value > threading.TIMEOUT_MAX:
        return None
    if not value >= 0:  # nor NaN
        raise ValueError(f"{name}= is seconds or None, not {value}")
    return float(value)  # a Decimal, say, does not go with the clock


def check_plain(**functions: object) -> None:
    """Refuse what nobody could call, or would await."""
    for name, function in functions.items():
        if is_coroutine_function(function):
            raise TypeError(f"{name}= is a coroutine function: it is never awaited")
        if function is not None and not callable(function):
            raise TypeError(f"{name}= must be callable, not {function!r}")


def dialect_of(dialect: Dialect | None) -> Dialect:
    """How the feed is resumed: as the caller says, or as the standard does."""
    if dialect is None:
        return STANDARD
    if not isinstance(dialect, Dialect):
        raise TypeError(
            f"dialect= is a Dialect, as those of reconnecting_sse.dialects, not"
            f" {dialect!r}"
        )
    check_plain(position=dialect.position, is_gap=dialect.is_gap, is_end=dialect.is_end)
    return dialect


def heard_by(on_gap: Callable[[Gap], object]) -> Callable[[Lifecycle], None]:
    """A listener that passes on the facts that are gaps."""

    def hear(fact: Lifecycle) -> None:
        if isinstance(fact, Gap):
            on_gap(fact)

    return hear


def check_prepare(prepare: object, *, is_async: bool) -> None:
    """Refuse what nobody could call, or would await."""
    if prepare is not None and not callable(prepare):
        raise TypeError(f"prepare= must be callable, not {prepare!r}")
    if is_coroutine_function(prepare) and not is_async:
        raise TypeError(
            "prepare= is a coroutine function, which an httpxr.Client cannot await:"
            " give a plain function, or an httpxr.AsyncClient"
        )


def repeatable_request(
    method: str, url: str, *, compress: bool, **keywords: Any
) -> StreamRequest:
    """The request that the keywords describe, if it can be sent again and again."""
    trusted = origins_of(keywords.pop("trusted_origins"))
    json, data, content = (keywords[name] for name in ("json", "data", "content"))
    if sum((bool(data), bool(content), json is not None)) > 1:
        raise TypeError("give one of json=, data= and content=: a request has one body")
    if content is not None and not isinstance(content, (bytes, str)):
        raise TypeError(
            "content= must be bytes or str: it is sent again with every attempt, and"
            f" a {type(content).__name__} may give its data only once"
        )
    # Headers may come from an iterator, which gives them only once.
    keywords["headers"] = fields_of(keywords["headers"])
    request = replace(request_of(method, url, keywords), trusted_origins=trusted)
    return replace(request, defaults=COMPRESSED_DEFAULTS) if compress else request


def origins_of(given: Collection[str]) -> Collection[str]:
    """The names of origins, if they are that."""
    if isinstance(given, str):
        raise TypeError(f"trusted_origins= is a list of origins: write [{given!r}]")
    origins = tuple(map(str, given))
    for origin in origins:
        named_origin(origin)
    return origins


def content_types_of(types: Collection[str]) -> frozenset[str]:
    """The essences of what is to be read as events; ``ANY_TYPE`` for whatever comes."""
    given = [types] if isinstance(types, str) else list(types)
    essences = {t if t == ANY_TYPE else essence_of(t) for t in given}
    if not given or "" in essences:
        raise ValueError(
            f'content_types= names media types, as "text/plain", or is "*": {types!r}'
        )
    return frozenset(essences)


def end_of(on_end: _OnEnd) -> _OnEnd:
    """What a clean end means; None for what it means to the method."""
    if on_end not in (None, "reconnect", "finish"):
        raise ValueError(f'on_end= is "reconnect" or "finish", not {on_end!r}')
    return on_end


def event_bytes_of(value: int | None) -> int | None:
    """A size that an event can have; None for any."""
    if value is None or (not isinstance(value, str) and value > 0):
        return value
    raise ValueError(f"max_event_bytes= is a number of bytes, or None, not {value!r}")


def passes_over(too_large: Literal["raise", "skip"]) -> bool:
    """Whether an event that is too large is no error."""
    if too_large not in ("raise", "skip"):
        raise ValueError(f'too_large= is "raise" or "skip", not {too_large!r}')
    return too_large == "skip"


def durability_of(
    store: Store | None,
    name: str | None,
    lease: float | None,
    commits: CommitPolicy | None,
    *,
    is_async: bool,
    dialect: Dialect,
) -> Durability | None:
    """What makes a subscription durable, where something does."""
    if store is None:
        if not (name is None and lease is None and commits is None):
            raise TypeError("name=, lease= and commits= go with a store=")
        return None
    if not isinstance(name, str) or not name or name != name.strip():
        raise TypeError(
            f"a store keeps positions by name: give name=, a str without blanks around"
            f" it, not {name!r}"
        )
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise ValueError(
            f"name= has half a surrogate pair, which no store can keep: {name!a}"
        ) from error
    if not callable(getattr(store, "claim", None)):
        raise TypeError(f"store= is one of reconnecting_sse.stores, not {store!r}")
    if store.is_async and not is_async:
        raise TypeError(
            "this store has to be awaited, which an httpxr.Client cannot: give it a"
            " blocking engine or client, or an httpxr.AsyncClient"
        )
    seconds = _seconds_of("lease", lease)
    if seconds == 0:
        raise ValueError("lease= is seconds, more than none, or None")
    policy = CommitPolicy() if commits is None else commits
    return Durability(
        store=store,
        name=name,
        lease=seconds,
        commits=policy,
        has_own_ids=dialect.position is None,
    )


def one_policy(policy: ReconnectPolicy | None, **strategies: Any) -> ReconnectPolicy:
    """The policy as it was given, or of the strategies that were."""
    given = {name: s for name, s in strategies.items() if s is not None}
    if policy is None:
        return ReconnectPolicy(**given)
    if given:
        raise TypeError(f"give policy= or {'=, '.join(given)}=, not both")
    return policy


def initial_position(
    given: str | None, request: StreamRequest, client: Any, dialect: Dialect
) -> str:
    """The first attempt's: the keyword's, the caller's header's or the client's."""
    if not (given is None or isinstance(given, str)):
        got = shortened(repr(given))
        raise TypeError(f"last_event_id= is a str, as an event gave it, not {got}")
    way, in_header = dialect.way, None
    if isinstance(way, ByHeader):
        in_header = way.position_in(fields_of(request.headers))
        if in_header is None:
            in_header = way.position_in(client.headers.raw)
    if given is not None and in_header is not None and given != in_header:
        name = way.name.decode() if isinstance(way, ByHeader) else ""
        raise ValueError(
            f"last_event_id= and the {name} header differ; give one of them"
        )
    position = given if given is not None else in_header or ""
    return position if dialect.position is not None else checked_id(position)
