"""Probes over HTTP: whether workers live, whether they are ready, and their metrics."""

from __future__ import annotations

import json
import re
import socket
import threading
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType
    from typing import Self

    from reconnecting_sse.core.health import Health

    Healths = Callable[[], Sequence[Health]]

CLIENT_SECONDS = 5.0
"""How long a client may take to send its request."""

_ADDRESS = re.compile(
    r"(?:\[(?P<six>[^]]+)\]|(?P<host>[^:\[\]]*)):(?P<port>[0-9]{1,5})"
)
_LAST_PORT = 65535


def parsed(address: str) -> tuple[str, int]:
    """Host and port of ``host:port``, ``:port`` or ``[IPv6]:port``.

    Raises:
        ValueError: It is none of these.
    """
    parts = _ADDRESS.fullmatch(address)
    if parts is None or int(parts["port"]) > _LAST_PORT:
        raise ValueError(
            f"probes= is an address such as 127.0.0.1:8080, :8080 or [::1]:8080, not"
            f" {address!r}"
        )
    return parts["six"] or parts["host"], int(parts["port"])


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
            OSError: The address cannot be listened on.
        """
        answers = {"/live": self._live, "/ready": self._ready}
        if metrics := _metrics_of(self._healths):
            answers["/metrics"] = metrics
        host, port = self._address
        kind = _SixServer if ":" in host else _Server
        try:
            self._server = kind((host, port), partial(_Handler, answers))
        except OSError as error:
            shown = f"[{host}]" if ":" in host else host
            raise OSError(
                error.errno, f"probes cannot listen on {shown}:{port}: {error.strerror}"
            ) from error
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

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is nobody's business."""


class _SixServer(_Server):
    address_family = socket.AF_INET6


class _Handler(BaseHTTPRequestHandler):
    timeout = CLIENT_SECONDS
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
