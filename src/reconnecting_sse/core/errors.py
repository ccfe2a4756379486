"""Everything that can go wrong with a subscription, as one tree.

    httpxr.TransportError
    └── SSEError (httpxr.sse)         what existing handlers catch
        ├── ConnectionFailed          no response: refused, DNS, TLS, timeout, not HTTP
        ├── CertificateRejected       the server's certificate was not accepted
        ├── StreamInterrupted         an open stream was cut, or fell silent
        ├── StreamEnded               the server ended it cleanly, and too early
        ├── UnexpectedStatus          an answer that is not 200, nor one to try again
        ├── UnexpectedContentType     200, but not an event stream
        ├── EventTooLarge             one event exceeds ``max_event_bytes``
        ├── ReconnectionExhausted     ``stop`` said so; the last error is the cause
        ├── ClaimLost                 another process has taken over the durable name
        ├── Uncommitted               too many events wait for ``commit()``
        └── StoreError                the store of positions
            ├── StoreUnavailable      not reached, or it failed: another try may help
            └── StoreRefused          credentials, schema, a missing driver: none does

Whether an error is worth another attempt is not a property of its class: it is
decided in one place, by the policy.
"""

from __future__ import annotations

import pickle
import re
from typing import TYPE_CHECKING, Any

from httpxr.sse import SSEError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_SCHEME = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*:(?=/))?/*")
_NO_PART_OF_A_URL = re.compile(r"[\x00-\x20\x7f]")
_AUTHORITY_END = re.compile(r"[/?#]")
_BAD_PORT = re.compile(r":[0-9]*[^0-9\]:]")

WITHOUT_AUTHORITY = re.compile(r"(?:mailto|sips?|xmpp|acct):(?!/)", re.IGNORECASE)
"""How URLs begin in which the ``@`` is no end of credentials, but an address's."""

BODY_LIMIT = 1024
"""How many bytes of an error answer's body an error keeps."""

MESSAGE_LIMIT = 1500
"""How many characters a message has, whatever a server makes one quote."""

URL_LIMIT = 400
"""How many of them a URL has."""


QUOTE_LIMIT = 300
"""How many of them a message has of anything else that is not ours."""


def shortened(text: str, limit: int = QUOTE_LIMIT) -> str:
    """The text, or so much of its beginning and of its end."""
    if len(text) <= limit:
        return text
    end = limit // 3
    return f"{text[: limit - end - 1]}…{text[-end:]}"


def redacted(url: str) -> str:
    """The URL as errors and logs may show it: no userinfo, no query values."""
    return shortened(_redacted(url), URL_LIMIT)


def _redacted(url: str) -> str:
    url = _NO_PART_OF_A_URL.sub("", url)  # a parser may look over them
    match = _SCHEME.match(url)
    assert match is not None  # it matches nothing, too
    scheme, rest = match[0], url[match.end() :]
    authority = _AUTHORITY_END.split(rest, maxsplit=1)[0]
    if WITHOUT_AUTHORITY.match(url):
        pass  # what stands before the @ is an address, not credentials
    elif "@" in authority:
        rest = authority.rpartition("@")[2] + rest[len(authority) :]
    elif _BAD_PORT.search(authority):
        rest = rest.rpartition("@")[2]  # a password with a slash, raw: not a port
    head, mark, query = rest.partition("#")[0].partition("?")
    if not mark:
        return scheme + head
    return scheme + head + "?" + "&".join(map(_hidden, query.split("&")))


def _hidden(pair: str) -> str:
    """A parameter without its value; what has no name is a value itself."""
    name, mark, _ = pair.partition("=")
    return f"{name}=***" if name and mark else "***" * bool(pair)


def printable(text: str) -> str:
    """The text in one line, without what could command a terminal or forge a log."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def without_frames(error: StreamError) -> StreamError:
    """The error, to be kept: its tracebacks would hold the reader and his socket."""
    link: BaseException | None = error
    while link is not None:
        link.__traceback__ = None
        link = link.__cause__ or link.__context__
    return error


class StreamError(SSEError):
    """What the errors of this package have in common.

    Attributes:
        url: The URL asked for, without credentials and query values.
        status: The response's status code, where one came.
        headers: The response's headers in order, where one came.
        body: Up to 1 KiB of the response's body, where one came.
        attempts: Attempts made since the last progress, this one included.
    """

    def __init__(
        self,
        message: str,
        *,
        url: str = "",
        status: int | None = None,
        headers: Sequence[tuple[str, str]] = (),
        body: bytes = b"",
        attempts: int = 0,
    ) -> None:
        super().__init__(shortened(message, MESSAGE_LIMIT))
        self.url: str = redacted(url)
        self.status = status
        self.headers: tuple[tuple[str, str], ...] = tuple(headers)
        self.body: bytes = body[:BODY_LIMIT]
        self.attempts = attempts

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        cause = self.__cause__
        return _rebuilt, (type(self), self.args, dict(self.__dict__), _portable(cause))


def _portable(cause: BaseException | None) -> BaseException | None:
    """The cause, if it can travel; httpxr's own errors cannot, their text can."""
    if cause is None or isinstance(cause, StreamError):
        return cause
    try:
        pickle.loads(pickle.dumps(cause))  # noqa: S301  (our own bytes)
    except Exception:  # noqa: BLE001  (whatever a foreign class's pickling raises)
        return StreamError(f"{type(cause).__name__}: {cause}")
    return cause


def _rebuilt(
    kind: type[StreamError],
    args: tuple[Any, ...],
    fields: dict[str, Any],
    cause: BaseException | None,
) -> StreamError:
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(fields)
    error.__cause__ = cause
    return error


class ConnectionFailed(StreamError):
    """An attempt got no usable response: nothing was opened."""


class CertificateRejected(StreamError):
    """The server's certificate was not accepted."""


class StreamInterrupted(StreamError):
    """An open stream was cut off, or was silent for longer than allowed."""


class StreamEnded(StreamError):
    """The server ended the stream cleanly: what ``retry`` strategies are told.

    Raised where that came before ``until`` was met, and is not tried again.
    """


class UnexpectedStatus(StreamError):
    """The server answered with a status that is not an open stream."""


class UnexpectedContentType(StreamError):
    """The server answered 200, but with something else than an event stream."""


class EventTooLarge(StreamError):
    """One event is larger than ``max_event_bytes``."""


class ReconnectionExhausted(StreamError):
    """``stop`` ended the attempts; ``__cause__`` is the last real error."""


class ClaimLost(StreamError):
    """Another process has taken over the durable name: nothing more is committed."""


class Uncommitted(StreamError):
    """As many events as are allowed were handed over and wait for ``commit()``."""


class EventNotHandled(StreamError):
    """A handler failed for good, and dead letters are not wanted: the worker stops."""


class DrainTimeout(StreamError):
    """A worker was to stop, and a handler did not end in time: the claim is kept."""


class StoreError(StreamError):
    """What goes wrong with a store of positions."""


class StoreUnavailable(StoreError):
    """The store could not be reached, or failed: another try may help."""


class StoreRefused(StoreError):
    """The store cannot be used as it is: credentials, schema, a missing driver."""
