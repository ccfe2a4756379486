"""The HTTP server of the feed: sound, whatever the proxy makes of its answers."""

from __future__ import annotations

import asyncio
import zlib
from itertools import islice

from tests.chaos.events import BOM, blocks, number_of
from tests.chaos.plans import delivery_of

_WINDOW_BITS = {"gzip": 31, "deflate": 15}
_GATHERED = 16384


class Feed:
    """Serves ``count`` events to whoever asks, after the Last-Event-ID he names.

    Each request has to say in ``Connection-Number`` which one it is.
    """

    def __init__(self, seed, count, reach):
        self._seed, self._count, self._reach = seed, count, reach

    async def serve(self, reader, writer):
        """Answer the one request of a connection."""
        try:
            fields = await read_request(reader)
            if fields is not None:
                await self._answer(fields, writer)
        except OSError:
            pass  # the proxy has seen enough
        finally:
            writer.close()

    async def _answer(self, fields, writer):
        number = int(fields["connection-number"])
        first = number_of(fields.get("last-event-id", "")) + 1
        if first > self._count:
            writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
            return
        delivery = delivery_of(self._seed, number, self._reach)
        body = packed(delivery, self._events(first, delivery))
        head = [
            "HTTP/1.1 200 OK",
            "Content-Type: text/event-stream; charset=utf-8",
            "Cache-Control: no-cache",
        ]
        if delivery.coding:
            head.append(f"Content-Encoding: {delivery.coding}")
        if delivery.framing == "chunked":
            head.append("Transfer-Encoding: chunked")
            body = chunked(body)
        elif delivery.framing == "length":
            body = [b"".join(body)]
            head.append(f"Content-Length: {len(body[0])}")
        writer.write("\r\n".join([*head, "", ""]).encode())
        for part in gathered(body):
            writer.write(part)
            await writer.drain()

    def _events(self, first, delivery):
        """The bytes of the body as they are decoded."""
        if delivery.has_bom:
            yield BOM
        left = blocks(first, self._count, delivery.newline)
        yield from islice(left, delivery.events)
        if delivery.events is not None and delivery.is_torn:
            # Without its last byte an event is still unfinished, in any newline.
            yield next(left, b"\n")[:-1].rstrip(b"\r\n")


async def read_request(reader):
    """The fields of a request, and its target as ``target``; None if none came."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, OSError):
        return None
    line, *lines = head.decode("latin-1").strip().split("\r\n")
    fields = dict(each.split(": ", 1) for each in lines)
    return {"target": line.split(" ")[1]} | {k.lower(): v for k, v in fields.items()}


def packed(delivery, parts):
    """The body in pieces, each of which can be decoded when it has come."""
    if delivery.coding is None:
        yield from pieces(parts, delivery.piece)
        return
    packer = zlib.compressobj(wbits=_WINDOW_BITS[delivery.coding])
    for piece in pieces(parts, delivery.piece):
        yield packer.compress(piece) + packer.flush(zlib.Z_SYNC_FLUSH)
    yield packer.flush()


def pieces(parts, size):
    """The same bytes in pieces of that size."""
    held = bytearray()
    for part in parts:
        held += part
        while len(held) >= size:
            yield bytes(held[:size])
            del held[:size]
    if held:
        yield bytes(held)


def chunked(parts):
    """Each part as one HTTP chunk, and the last one."""
    for part in parts:
        yield b"%x\r\n%b\r\n" % (len(part), part)
    yield b"0\r\n\r\n"


def gathered(parts):
    """The same bytes in fewer, larger parts."""
    held = []
    size = 0
    for part in parts:
        held.append(part)
        size += len(part)
        if size >= _GATHERED:
            yield b"".join(held)
            held, size = [], 0
    yield b"".join(held)
