"""Probes over HTTP: whether workers live, whether they are ready, and their metrics."""

from __future__ import annotations

import json
import socket
import threading
from contextlib import suppress
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import TYPE_CHECKING, Any

from reconnecting_sse.core.authority import authority
from reconnecting_sse.subscription import clock as clocks
from reconnecting_sse.workers.addresses import CannotListen, parsed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType
    from typing import Self

    from reconnecting_sse.core.health import Health

    Healths = Callable[[], Sequence[Health]]

CLIENT_SECONDS = 5.0
"""How long a client may take, from its connection to the last byte of its answer."""


class Probes:
    """Serves ``/live``, ``/ready`` and ``/metrics`` from threads of its own.

    ``/live`` and ``/ready`` answer 200 or 503, with one line of JSON that says why.
    ``/metrics`` needs the extra ``prometheus``. A context manager.

    Args:
        address: Where to listen; port 0 is any that is free.
        healths: Gives the healths of all workers.

    Raises:
        ValueError: The address is none.
    """

    def __init__(self, address: str, healths: Healths) -> None:
        self._address = parsed(address)
        self._healths = healths
        self._server: ThreadingHTTPServer | None = None

    def __enter__(self) -> Self:
        """Begin to serve.

        Raises:
            CannotListen: The address is taken, or none of this machine's.
        """
        answers = {"/live": self._live, "/ready": self._ready}
        if metrics := _metrics_of(self._healths):
            answers["/metrics"] = metrics
        host, port = self._address
        kind = _SixServer if ":" in host else _Server
        try:
            self._server = kind((host, port), partial(_Handler, answers))
        except OSError as error:
            said = f"probes cannot listen on {authority(host, port)}: {error.strerror}"
            raise CannotListen(error.errno, said) from error
        threading.Thread(
            target=self._server.serve_forever,
            kwargs={"poll_interval": 0.1},
            name="reconnecting_sse.probes",
            daemon=True,
        ).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._server is not None
        self._server.shutdown()
        self._server.server_close()

    @property
    def port(self) -> int:
        """The one that it listens on."""
        assert self._server is not None
        return int(self._server.server_address[1])

    def _live(self) -> _Answer:
        return _judged([health for health in self._healths() if not health.is_live])

    def _ready(self) -> _Answer:
        return _judged([health for health in self._healths() if not health.is_ready])


_Answer = tuple[int, str, bytes]


def _judged(ill: Sequence[Health]) -> _Answer:
    body = {"ok": not ill, "why": {health.name: health.why for health in ill}}
    return 503 if ill else 200, "application/json", f"{json.dumps(body)}\n".encode()


def _metrics_of(healths: Healths) -> Callable[[], _Answer] | None:
    try:
        from reconnecting_sse.workers.metrics import exposition_of  # noqa: PLC0415
    except ModuleNotFoundError:
        return None
    return exposition_of(healths)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_port = False  # an address that is taken is to be an error

    def __init__(self, *args: Any) -> None:
        self._due: dict[socket.socket, float] = {}
        self._now = clocks.CLOCK.now
        super().__init__(*args)

    def server_bind(self) -> None:
        """As HTTP servers do, but ask no name server for a name of this machine."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = "", int(self.server_address[1])

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a client, until it is due."""
        self._due[request] = self._now() + CLIENT_SECONDS
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """It is served."""
        self._due.pop(request, None)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        """Several times a second: give up whoever is due."""
        now = self._now()
        for request, due in list(self._due.items()):
            if due <= now:
                with suppress(OSError):  # it has just gone
                    request.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is nobody's business."""


class _SixServer(_Server):
    address_family = socket.AF_INET6


class _Handler(BaseHTTPRequestHandler):
    server_version, sys_version = "reconnecting-sse", ""

    def __init__(self, answers: dict[str, Callable[[], _Answer]], *args: Any) -> None:
        self._answers = answers
        super().__init__(*args)

    def do_GET(self) -> None:
        """Answer."""
        path = self.path.partition("?")[0]
        status, kind, body = self._answers.get(path, partial(_unknown, path))()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_GET  # noqa: N815  (the library's name)

    def log_message(self, *_: Any) -> None:
        """Nothing: a probe comes every few seconds."""


def _unknown(path: str) -> _Answer:
    said = "there are /live, /ready and /metrics here\n"
    if path == "/metrics":
        said = (
            "metrics need prometheus_client: pip install reconnecting-sse[prometheus]\n"
        )
    return 404, "text/plain; charset=utf-8", said.encode()
