"""A loopback HTTP/1.1 server that answers by a script."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import TYPE_CHECKING

from reconnecting_sse.testing.answer import play
from reconnecting_sse.testing.connection import (
    ClientLeftError,
    Connection,
    ServerStoppedError,
)
from reconnecting_sse.testing.listener import Listener
from reconnecting_sse.testing.resumed import assert_resumed_from, by_header
from reconnecting_sse.testing.script import Answer, Refuse

if TYPE_CHECKING:
    import socket
    import ssl
    from collections.abc import Callable, Sequence
    from types import TracebackType
    from typing import Self

    from reconnecting_sse.testing.resumed import Position
    from reconnecting_sse.testing.script import (
        Handler,
        Origin,
        RecordedRequest,
        Script,
        Step,
    )

JOIN_TIMEOUT = 5.0
"""How long leaving the block waits for a handler that is still running."""

# Of all answers the one that ends a subscription, whatever its policy is.
_BEYOND = Answer(204, headers=())


def stopped(stopping: threading.Event, seconds: float) -> bool:
    """Whether it is, within the time; virtual time has another in its place."""
    return stopping.wait(seconds)


class ScriptedServer:
    """Serves a script's steps on loopback, one connection and request each.

    A request beyond the script is an error, and answered 204, so that a subscription
    ends at once. Leaving the block closes all sockets and joins all threads, and raises
    the first of the ``errors``; they are noted if the block itself raised.

    Attributes:
        errors: What handlers and lazy bodies raised, waits that took too long, and an
            ``AssertionError`` for each request beyond the script.

    Args:
        script: Steps and handlers in order of requests; or one handler for all.
        host: ``127.0.0.1`` or ``::1``.
        ssl_context: Serve TLS with this context and its certificate.
    """

    def __init__(
        self,
        script: Script = (),
        *,
        host: str = "127.0.0.1",
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self.errors: list[BaseException] = []
        self._handler = script if callable(script) else None
        self._steps = deque(() if callable(script) else script)
        self._host = host
        self._ssl_context = ssl_context
        self._requests: list[RecordedRequest] = []
        self._changed = threading.Condition()
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._connections: set[Connection] = set()

    def __enter__(self) -> Self:
        self._main = Listener(self._host, lambda s: self._accepted(s, "main"))
        self._other = Listener(self._host, lambda s: self._accepted(s, "other"))
        self._other.open()
        refused = self._next_refusal()
        if refused:
            self._start(self._reopen_after, refused)
        else:
            self._main.open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stopping.set()
        self._main.close()
        self._other.close()
        with self._changed:
            for connection in self._connections:
                connection.abort()
        until = time.monotonic() + JOIN_TIMEOUT
        while self._threads:
            thread = self._threads.pop()
            thread.join(max(0.0, until - time.monotonic()))
            if thread.is_alive():
                self.errors.append(RuntimeError("a handler is still running"))
        for lost in self.errors:
            if error is None:
                raise lost
            error.add_note(f"The scripted server failed too: {lost!r}")

    @property
    def url(self) -> str:
        """The main listener's origin, such as ``http://127.0.0.1:40123``."""
        return self._origin(self._main)

    @property
    def other_url(self) -> str:
        """The other listener's origin."""
        return self._origin(self._other)

    def _origin(self, listener: Listener) -> str:
        scheme = "http" if self._ssl_context is None else "https"
        return f"{scheme}://{listener.authority}"

    @property
    def requests(self) -> list[RecordedRequest]:
        """The requests so far, in order of arrival."""
        with self._changed:
            return list(self._requests)

    def wait_for_requests(
        self, count: int, timeout: float = 5.0
    ) -> list[RecordedRequest]:
        """Wait until that many requests have come, and return all that have.

        Raises:
            TimeoutError: They did not come in time.
        """
        with self._changed:
            if not self._changed.wait_for(
                lambda: len(self._requests) >= count, timeout
            ):
                raise TimeoutError(
                    f"{len(self._requests)} of {count} requests came to {self.url}"
                    f" within {timeout:g} s"
                )
            return list(self._requests)

    def assert_resumed_from(
        self, positions: Sequence[str | None], by: Position = by_header
    ) -> None:
        """Assert what each request asked to go on after, in order.

        Args:
            positions: One for each request; None for one that begins anew.
            by: What finds it in a request, where that is not the header
                ``Last-Event-ID``: ``lambda request: request.query("since")``.

        Raises:
            AssertionError: They did otherwise; it shows all of them.
        """
        assert_resumed_from(self.requests, positions, by)

    # The threads: one for each listener, connection and time of refusal.

    def _start(self, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        with self._changed:
            self._threads[:] = [t for t in self._threads if t.is_alive()]
            thread.start()
            self._threads.append(thread)

    def _reopen_after(self, seconds: float) -> None:
        if not stopped(self._stopping, seconds):
            self._main.open()

    def _accepted(self, accepted: socket.socket, listener: Origin) -> None:
        connection = Connection(accepted, self._stopping)
        with self._changed:
            self._connections.add(connection)
        self._start(self._serve, connection, listener)

    def _serve(self, connection: Connection, listener: Origin) -> None:
        try:
            request = connection.read_request(listener, self._ssl_context)
            if request is not None:
                self._respond(connection, request)
        except ServerStoppedError:
            pass
        except BaseException as error:  # noqa: BLE001 - whatever a handler raises
            self.errors.append(error)
        finally:
            with self._changed:
                self._connections.discard(connection)
            connection.close()

    def _respond(self, connection: Connection, request: RecordedRequest) -> None:
        step, refused = self._record(request)
        origins = {"{origin}": self.url, "{other}": self.other_url}
        try:
            if refused:
                self._main.refuse()
            chosen = step(request) if callable(step) else step
            if isinstance(chosen, Refuse):
                refused += chosen.seconds
                self._main.refuse()
            connection.end(play(chosen, request, connection, origins))
        except ClientLeftError:
            request.closed_by_client.set()
        finally:
            if refused:
                self._start(self._reopen_after, refused)
        connection.linger()

    def _record(self, request: RecordedRequest) -> tuple[Step | Handler, float]:
        """Record the request; the step for it, and the time of refusal after it."""
        with self._changed:
            step: Step | Handler = _BEYOND
            if self._handler is not None:
                step = self._handler
            elif self._steps:
                step = self._steps.popleft()
            elsewhere = isinstance(step, Answer) and step.listener != request.listener
            request.unexpected = step is _BEYOND or elsewhere
            if step is _BEYOND and not self._stopping.is_set():
                self.errors.append(_beyond(request, len(self._requests)))
            refused = self._next_refusal()
            self._requests.append(request)
            self._changed.notify_all()
            return step, refused

    def _next_refusal(self) -> float:
        seconds = 0.0
        while self._steps and isinstance(step := self._steps[0], Refuse):
            seconds += step.seconds
            self._steps.popleft()
        return seconds


def _beyond(request: RecordedRequest, played: int) -> AssertionError:
    last_event_id = request.header("last-event-id")
    after = "" if last_event_id is None else f", with Last-Event-ID {last_event_id!r},"
    return AssertionError(
        f"{request.method} {request.target}{after} came as request {played + 1}, and"
        f" the script has answers for {played}; give it another step, or let it end"
        ' with Answer(204), or with one whose end="hang"'
    )
