"""A server in a process of its own, which remembers nothing: for counting leaks.

``/hang`` sends an event and is silent until the client leaves; ``/cut`` breaks off
after the event, unless the client has had it already. Says its port on stdout, and
ends when stdin does.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

_HEAD = (
    b"HTTP/1.1 200 OK\r\n"
    b"Content-Type: text/event-stream\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)
_ROOT = Path(__file__).parents[1]


@contextmanager
def steady_server():
    """Its URL, without a path."""
    # Without site, so that no coverage is measured there; all it needs is Python.
    with subprocess.Popen(
        [sys.executable, "-S", "-m", "tests.steady_server"],
        cwd=_ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
            process.communicate()
        finally:
            process.kill()


async def _serve(reader, writer):
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        is_resumed = b"\r\nlast-event-id: " in head
        event = b"id: %d\ndata: x\n\n" % (1 + is_resumed)
        writer.write(_HEAD + b"%x\r\n%b\r\n" % (len(event), event))
        if is_resumed or b" /cut " not in head:
            await reader.read()
    except (OSError, asyncio.IncompleteReadError):
        pass  # the client left
    finally:
        writer.close()


async def _run():
    server = await asyncio.start_server(_serve, "127.0.0.1", 0, backlog=100)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_run())
