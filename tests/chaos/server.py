"""The process of the feed and its proxy: ``python -m tests.chaos.server 7 2000 3000``.

Says on stdout, as JSON, the two ports of the proxy; and, once stdin ends, what
happened to how many connections.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys

from tests.chaos.feed import Feed
from tests.chaos.proxy import Proxy

_SMALL = 16384
_LISTENING = 512


async def run(seed, count, reach):
    """Serve until stdin ends."""
    feed = Feed(seed, count, reach)
    _, feed_port = await _listen(feed.serve)
    proxy = Proxy(seed, reach, feed_port)
    origins = [await _listen(proxy.serve) for _ in range(2)]
    proxy.ports[:] = [port for _, port in origins]
    _say(proxy.ports)
    await asyncio.to_thread(sys.stdin.read)
    _say(proxy.happened)
    os._exit(0)  # what is under way has nobody who would read it


async def _listen(serve):
    sock = socket.create_server(("127.0.0.1", 0), backlog=_LISTENING)
    # Inherited: what a client does not read any more should not be made, either.
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SMALL)
    return await asyncio.start_server(serve, sock=sock), sock.getsockname()[1]


def _say(what):
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(run(*map(int, sys.argv[1:])))
