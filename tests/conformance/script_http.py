"""The HTTP/1.1 of the script server: a request read, a response written."""

from __future__ import annotations

import zlib

EVENT_STREAM = [["Content-Type", "text/event-stream"]]


def read_request(connection):
    """What arrived, or None where nothing did: the fields that cases compare."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65536)
        if not more:
            return None
        data += more
    head, body = data.split(b"\r\n\r\n", 1)
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ", 2)
    pairs = [line.split(":", 1) for line in lines]
    headers = [(field.strip().lower(), value.strip(" \t")) for field, value in pairs]
    return {
        "method": method,
        "path": target,
        "headers": headers,
        "body": _read_body(connection, dict(headers), body).decode("latin-1"),
    }


def _read_body(connection, headers, body):
    if "chunked" in headers.get("transfer-encoding", ""):
        while not body.endswith(b"0\r\n\r\n"):
            body += _more(connection)
        return _unchunked(body)
    while len(body) < int(headers.get("content-length", 0)):
        body += _more(connection)
    return body


def _more(connection):
    data = connection.recv(65536)
    if not data:
        raise ConnectionResetError("the request's body was cut")
    return data


def _unchunked(rest):
    body = b""
    while rest:
        size, rest = rest.split(b"\r\n", 1)
        body, rest = body + rest[: int(size, 16)], rest[int(size, 16) + 2 :]
    return body


class Reply:
    """One response: its head, and its body in the framing that the step asks for."""

    def __init__(self, step, request, connection):
        self._step, self._connection = step, connection
        self._status = step.get("status", 200)
        has_body = self._status not in (204, 304)
        self._framing = step.get("framing", "chunked") if has_body else "none"
        self.body = (
            [*filter(None, map(_piece, step.get("body", [])))] if has_body else []
        )
        accepted = dict(request["headers"]).get("accept-encoding", "")
        is_packed = step.get("encoding") == "gzip" and "gzip" in accepted
        self._packer = zlib.compressobj(6, zlib.DEFLATED, 31) if is_packed else None

    def send_head(self, names):
        for code in self._step.get("interim", []):
            head = f"HTTP/1.1 {code} Interim\r\nLink: </x>; rel=preload\r\n\r\n"
            self._connection.sendall(head.encode())
        lines = [f"HTTP/1.1 {self._status} {self._step.get('reason', 'X')}"]
        for field, value in self._headers():
            for name, origin in names.items():
                value = value.replace(name, origin)  # noqa: PLW2901 - one after another
            lines.append(f"{field}: {value}")
        self._connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))

    def _headers(self):
        headers = list(self._step.get("headers", EVENT_STREAM))
        if self._packer:
            headers.append(["Content-Encoding", "gzip"])
        if self._framing == "chunked":
            headers.append(["Transfer-Encoding", "chunked"])
        elif self._framing == "length":
            size = sum(len(piece) for piece in self.body if isinstance(piece, str))
            declared = self._step.get("declared_length", size)
            headers.append(["Content-Length", str(declared)])
        if not any(field.lower() == "connection" for field, _ in headers):
            headers.append(["Connection", "close"])
        return headers

    def send(self, data):
        if self._packer:
            data = self._packer.compress(data) + self._packer.flush(zlib.Z_SYNC_FLUSH)
        if self._framing == "chunked":
            data = b"%x\r\n%b\r\n" % (len(data), data)
        self._connection.sendall(data)

    def finish(self):
        if self._framing != "chunked":
            return
        tail = self._packer.flush() if self._packer else b""
        if tail:
            self._connection.sendall(b"%x\r\n%b\r\n" % (len(tail), tail))
        self._connection.sendall(b"0\r\n\r\n")


def _piece(piece):
    is_repeated = isinstance(piece, dict) and "repeat" in piece
    return piece["repeat"] * piece["count"] if is_repeated else piece
