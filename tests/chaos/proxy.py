"""The proxy: passes bytes on, until the plan of their connection says otherwise."""

from __future__ import annotations

import asyncio
import re
import socket
import struct
from collections import Counter
from itertools import count

from tests.chaos.feed import read_request
from tests.chaos.plans import plan_of

_PLACES = {
    "chunk size": re.compile(rb"\r\n[0-9a-f](?=[0-9a-f]*\r\n)"),
    "character": re.compile(rb"[\xc3-\xf4](?=[\x80-\xbf])"),
    "field": re.compile(rb"[\r\n](?:dat|data: |id|id: [0-9])"),
    "newline": re.compile(rb"\r(?=\n)"),
    "anywhere": re.compile(rb""),
    "garbage": re.compile(rb"\r\n(?=[0-9a-f]+\r\n)"),
}
_NO_CHUNK = b"no size\r\nid: 1\n\n"
_READ_SIZE = 16384


class Proxy:
    """Stands before the feed, at two origins.

    Attributes:
        happened: How often each thing was done to a connection.
    """

    def __init__(self, seed, reach, feed_port):
        self.happened = Counter()
        self.ports = []
        self._seed, self._reach, self._feed_port = seed, reach, feed_port
        self._numbers = count()
        # The loop knows a connection that its client has left only weakly.
        self._serving = set()

    async def serve(self, reader, writer):
        """Treat one connection by its plan."""
        task = asyncio.current_task()
        self._serving.add(task)
        number = next(self._numbers)
        plan = plan_of(self._seed, number, self._reach)
        try:
            await self._treat(plan, number, reader, writer)
        except OSError:
            self.happened["left by the client"] += 1
        finally:
            self._serving.discard(task)
            writer.close()

    async def _treat(self, plan, number, reader, writer):
        if plan.kind == "refusal" and plan.refusal.startswith("unread"):
            self._end(plan, plan.refusal.removeprefix("unread"), writer)
            return
        request = await read_request(reader)
        if request is None:
            return
        hops = request["target"].count("hop")
        plan = plan_of(self._seed, number, self._reach, hops)
        if plan.kind == "refusal":
            if plan.refusal == "garbage":
                writer.write(plan.garbage)
            self._end(plan, plan.refusal.removeprefix("unanswered"), writer)
        elif plan.kind in ("status", "redirect"):
            self.happened[plan.name] += 1
            writer.write(self._short_answer(plan, request, writer))
        else:
            await self._pass_on(plan, number, request, reader, writer)

    def _end(self, plan, how, writer):
        self.happened[plan.name] += 1
        if how.strip() == "reset":
            reset(writer)

    def _short_answer(self, plan, request, writer):
        if plan.kind == "status":
            wait = plan.retry_after
            retry = "" if wait is None else f"Retry-After: {wait}\r\n"
            return _answer(plan.status, retry)
        here = writer.get_extra_info("sockname")[1]
        (there,) = set(self.ports) - {here}
        port = there if plan.leaves else here
        target = request["target"] + "/hop"
        location = f"http://127.0.0.1:{port}{target}" if plan.leaves else target
        status = (301, 302, 303, 307, 308)[plan.after % 5]
        return _answer(status, f"Location: {location}\r\n")

    async def _pass_on(self, plan, number, request, reader, writer):
        upstream, ask = await open_connection(self._feed_port)
        try:
            ask.write(_question(request, number))
            if await _passed(upstream, writer, plan, self._reach) == "whole":
                self.happened["clean end"] += 1
                return
            self.happened[plan.name] += 1
        finally:
            ask.transport.abort()
        if plan.cut == "reset":
            reset(writer)
        elif plan.cut == "stall":
            while await reader.read(_READ_SIZE):
                pass


async def _passed(upstream, writer, plan, reach):
    """Pass the answer on; ``whole``, or ``cut`` as the plan says."""
    sent, dripped = 0, plan.dripped
    knife = Knife(plan, reach) if plan.kind == "cut" else None
    while data := await upstream.read(_READ_SIZE):
        good, tail = (data, None) if knife is None else knife.cut(data)
        for byte in good[: max(dripped - sent, 0)]:
            writer.write(bytes((byte,)))
            await writer.drain()
            await asyncio.sleep(0)  # the client may read it before the next one
        writer.write(good[max(dripped - sent, 0) :])
        sent += len(good)
        if tail is not None:
            writer.write(tail)
            await writer.drain()
            return "cut"
        await writer.drain()
    return "whole"


class Knife:
    """Finds where an answer is to be cut.

    Args:
        patience: Bytes within which the place has to come; then any will do.
    """

    def __init__(self, plan, patience):
        self._plan = plan
        self._left = plan.after
        self._patience = patience
        self._is_first, self._is_garbled = True, False

    def cut(self, data):
        """What of ``data`` may pass; and what follows it, if this is the place."""
        if self._is_first:
            self._is_first = False
            self._look_at(data.partition(b"\r\n\r\n")[0])
        start, last = self._left, self._left + self._patience
        if start >= len(data):
            self._left -= len(data)
            return data, None
        if self._plan.place == "headers":
            return data[:start], b""
        if match := self._pattern.search(data, start, last):
            return data[: match.end()], _NO_CHUNK if self._is_garbled else b""
        if last <= len(data):
            return data[:last], b""
        self._left, self._patience = 0, last - len(data)
        return data, None

    def _look_at(self, head):
        plan = self._plan
        is_framed = b"Transfer-Encoding" in head and b"Content-Encoding" not in head
        if plan.place != "headers":
            self._is_garbled = plan.cut == "garbage" and is_framed
            self._pattern = _PLACES["garbage" if self._is_garbled else plan.place]
            self._left += len(head) + 2


def _question(request, number):
    asked = request.get("last-event-id")
    resume = "" if asked is None else f"Last-Event-ID: {asked}\r\n"
    return f"GET /feed HTTP/1.1\r\nConnection-Number: {number}\r\n{resume}\r\n".encode()


def _answer(status, fields):
    head = f"HTTP/1.1 {status} Chaos\r\nContent-Length: 6\r\n{fields}\r\n"
    return head.encode() + b"chaos\n"


def reset(writer):
    """Reset the connection instead of ending it."""
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def open_connection(port):
    """A connection to the feed whose buffers are small: much of it is never read."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _READ_SIZE)
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
    return await asyncio.open_connection(sock=sock)
