"""Proxies for tests: they do what real ones do, and remember what they were asked."""

from __future__ import annotations

import base64
import ipaddress
import select
import socket
import ssl

from tests.raw_wire import PATIENCE, Gone, Server

REALM = b"Proxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n"
LOGIN_REQUIRED = b"HTTP/1.1 407 Proxy Authentication Required\r\n" + REALM
ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"


def pump(one, other):
    """Carry bytes both ways until either end is gone."""
    ends = {one: other, other: one}
    while True:
        ready = [s for s in ends if isinstance(s, ssl.SSLSocket) and s.pending()]
        ready = ready or select.select([*ends], [], [], PATIENCE)[0]
        for sock in ready:
            try:
                data = sock.recv(65536)
                ends[sock].sendall(data)
            except OSError:
                return
            if not data:
                return
        if not ready:
            return


def connected(host, port):
    return socket.create_connection((host, port), PATIENCE)


class HTTPProxy(Server):
    """Tunnels what it is told to CONNECT to, and forwards absolute-form requests."""

    def __init__(self, *, login=None, **keywords):
        self.heads = []
        self.login = None if login is None else base64.b64encode(login)
        super().__init__(self.carry, **keywords)

    def address(self, userinfo=""):
        return self.url.removesuffix("/feed").replace("://", f"://{userinfo}")

    def carry(self, peer):
        head, body = peer.request()
        self.heads.append(head)
        lines = head.split(b"\r\n")
        method, target, _ = lines[0].split(b" ")
        fields = dict(line.split(b": ", 1) for line in lines[1:])
        login = fields.pop(b"Proxy-Authorization", None)
        if self.login is not None and login != b"Basic " + self.login:
            peer.send(LOGIN_REQUIRED)
            return
        if method == b"CONNECT":
            host, _, port = target.decode().rpartition(":")
            with connected(host.strip("[]"), int(port)) as upstream:
                peer.send(ESTABLISHED)
                pump(peer.sock, upstream)
            return
        place, _, path = target.removeprefix(b"http://").partition(b"/")
        host, _, port = place.decode().rpartition(":")
        kept = b"".join(b"%b: %b\r\n" % field for field in fields.items())
        with connected(host.strip("[]"), int(port)) as upstream:
            upstream.sendall(b"%b /%b HTTP/1.1\r\n%b\r\n" % (method, path, kept) + body)
            pump(peer.sock, upstream)


class SOCKSProxy(Server):
    """RFC 1928 and 1929, and nothing else."""

    def __init__(self, *, login=None, **keywords):
        self.targets = []
        self.login = login
        super().__init__(self.carry, **keywords)

    def address(self, userinfo="", scheme="socks5h"):
        return f"{scheme}://{userinfo}127.0.0.1:{self.port}"

    def carry(self, peer):
        sock = peer.sock
        offered = exactly(sock, exactly(sock, 2)[1])
        wanted = 0 if self.login is None else 2
        if wanted not in offered:
            peer.send(b"\x05\xff")
            return
        peer.send(bytes([5, wanted]))
        if self.login is not None:
            name = exactly(sock, exactly(sock, 2)[1])
            is_right = (name, exactly(sock, exactly(sock, 1)[0])) == self.login
            peer.send(b"\x01\x00" if is_right else b"\x01\x01")
            if not is_right:
                return
        _, _, _, kind = exactly(sock, 4)
        host = self.host(sock, kind)
        port = int.from_bytes(exactly(sock, 2))
        self.targets.append((kind, host, port))
        with connected(host, port) as upstream:
            # One byte after the other, with a name of its own: both are allowed.
            for byte in b"\x05\x00\x00\x03\x02me\x00\x50":
                peer.send(bytes([byte]))
            pump(sock, upstream)

    def host(self, sock, kind):
        if kind == 3:
            return exactly(sock, exactly(sock, 1)[0]).decode()
        return str(ipaddress.ip_address(exactly(sock, {1: 4, 4: 16}[kind])))


def exactly(sock, count):
    data = b""
    while len(data) < count:
        more = sock.recv(count - len(data))
        if not more:
            raise Gone
        data += more
    return data
