"""A loopback HTTP/1.1 server that plays the server_script of one connection case.

    with ScriptServer(case["server_script"]) as server:
        client.connect(server.url + "/stream")
        ...
        server.requests      # what arrived, in order: dicts, see read_request

One script step answers one request, in order of arrival; every connection carries one
request. A request beyond the script is recorded with "unexpected": True and gets a 200
event stream that hangs (so that a client that reconnects too often is seen, not
crashed).

step keys (all optional): action (respond | close | reset | hang | garbage | refuse),
before_ms, status, reason, headers, framing (chunked | length | until-close),
declared_length, encoding (gzip, applied only if the request accepts it), interim (list
of 1xx statuses sent first), body (list of latin-1 strings, {"repeat": s, "count": n}
and {"sleep_ms": n}), end (finish | cut | reset | hang), listener (main | other).
In header values {origin} and {other} stand for the two listeners' origins.
"""

from __future__ import annotations

import socket
import struct
import threading
import time
from contextlib import suppress

from tests.conformance.script_http import Reply, read_request


class ScriptServer:
    def __init__(self, script):
        self.script, self.next_step = script, 0
        self.requests, self.lock = [], threading.Lock()
        self.stopping = threading.Event()
        self.open_sockets, self.threads = set(), []
        self.listeners = {}

    # ---------------------------------------------------------------- life cycle

    def __enter__(self):
        self.listeners = {name: _listener(0) for name in ("main", "other")}
        self.ports = {n: s.getsockname()[1] for n, s in self.listeners.items()}
        self.url = f"http://127.0.0.1:{self.ports['main']}"
        self.other_url = f"http://127.0.0.1:{self.ports['other']}"
        self.t0 = time.monotonic()
        for name, listener in self.listeners.items():
            self._start(self._accept, name, listener)
        self._maybe_refuse()
        return self

    def __exit__(self, *exc):
        self.stopping.set()
        with self.lock:
            everything = [*self.listeners.values(), *self.open_sockets]
        for each in everything:
            _kill(each)
        for thread in self.threads:
            thread.join(2)

    def _start(self, function, *args):
        thread = threading.Thread(target=function, args=args, daemon=True)
        self.threads.append(thread)
        thread.start()

    def now(self):
        return (time.monotonic() - self.t0) * 1000

    def _accept(self, name, listener):
        while not self.stopping.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.lock:
                self.open_sockets.add(connection)
            self._start(self._serve, name, connection)

    def _maybe_refuse(self):
        """If the next step is "refuse", take the main listener away for its time."""
        with self.lock:
            step = self._step()
            if step is None or step.get("action") != "refuse":
                return
            self.next_step += 1
            _kill(self.listeners["main"])
        self._start(self._listen_again, step["ms"] / 1000)

    def _listen_again(self, after):
        if not self.stopping.wait(after):
            listener = _listener(self.ports["main"])
            with self.lock:
                self.listeners["main"] = listener
            self._start(self._accept, "main", listener)

    def _step(self):
        return (
            self.script[self.next_step] if self.next_step < len(self.script) else None
        )

    # ---------------------------------------------------------------- one connection

    def _serve(self, name, connection):
        request = None
        try:
            request = read_request(connection)
            if request is not None:
                request |= {"listener": name, "t_request": self.now()}
                self._answer(self._record(request), request, connection)
        except OSError:
            if request is not None:
                request.setdefault("t_client_closed", self.now())
        finally:
            with self.lock:
                self.open_sockets.discard(connection)
            connection.close()

    def _record(self, request):
        """The script's next step, which answers this request."""
        with self.lock:
            step = self._step()
            if step is None:
                step, request["unexpected"] = {"end": "hang"}, True
            else:
                self.next_step += 1
            self.requests.append(request)
        if step.get("listener", "main") != request["listener"]:
            request["unexpected"] = True
        return step

    def _answer(self, step, request, connection):
        if step.get("before_ms") and self._idle(connection, request, step["before_ms"]):
            return
        match step.get("action", "respond"):
            case "respond":
                self._respond(step, request, connection)
            case "hang":
                self._idle(connection, request, None)
            case action:
                self._before_end(request)
                if action == "garbage":
                    connection.sendall(b"!!! this is not HTTP\r\n\r\n")
                if action == "reset":
                    _reset_on_close(connection)

    def _respond(self, step, request, connection):
        reply = Reply(step, request, connection)
        reply.send_head({"{origin}": self.url, "{other}": self.other_url})
        for piece in reply.body:
            if not isinstance(piece, dict):
                reply.send(piece.encode("latin-1"))
            elif self._idle(connection, request, piece["sleep_ms"]):
                return
        end = step.get("end", "finish")
        if end == "hang":
            self._idle(connection, request, None)
            return
        self._before_end(request)
        if end == "reset":
            self.stopping.wait(0.05)  # let the data arrive: a reset may overtake it
            _reset_on_close(connection)
            return
        if end == "finish":
            reply.finish()
        _end_gently(connection)

    def _before_end(self, request):
        self._maybe_refuse()
        request["t_end"] = self.now()

    def _idle(self, connection, request, ms):
        """Waits ms (None: for ever); True if the client went away meanwhile."""
        stop = None if ms is None else time.monotonic() + ms / 1000
        connection.settimeout(0.02)
        try:
            while not self.stopping.is_set():
                if stop is not None and time.monotonic() >= stop:
                    return False
                if _is_closed(connection):
                    request["t_client_closed"] = self.now()
                    return True
            return True
        finally:
            with suppress(OSError):
                connection.settimeout(None)


def _listener(port):
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(32)
    return listener


def _kill(each):
    with suppress(OSError):
        each.shutdown(socket.SHUT_RDWR)
    each.close()


def _reset_on_close(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _end_gently(connection):
    """Send FIN, and close only when the client has read: no reset overtakes data."""
    with suppress(OSError):
        connection.shutdown(socket.SHUT_WR)
        connection.settimeout(1)
        while connection.recv(65536):
            pass


def _is_closed(connection):
    try:
        return not connection.recv(65536)
    except TimeoutError:
        return False
    except OSError:
        return True
