"""A server of feeds on which something happens once a second, until its stdin ends.

    python -m benchmarks.ticking PORT

It then prints when connections came, in seconds of the system's monotonic clock.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from contextlib import suppress

from benchmarks.server import HOST, raise_file_limit

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
PAUSE = 1.0


class Ticking:
    """Sends each stream an event a second; the seconds are spread over all streams."""

    def __init__(self) -> None:
        self.came: list[float] = []

    async def serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.came.append(time.monotonic())
        with suppress(OSError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(HEAD + b"retry: 1000\n\n")
            number = 0
            while not writer.is_closing():
                number += 1
                writer.write(b'id: %d\ndata: {"price": 41.%d}\n\n' % (number, number))
                await writer.drain()
                await asyncio.sleep(PAUSE)


async def main(port: int) -> None:
    raise_file_limit()
    ticking = Ticking()
    await asyncio.start_server(ticking.serve, HOST, port, backlog=4096)
    print(json.dumps("ready"), flush=True)
    await asyncio.to_thread(sys.stdin.read)
    print(json.dumps(ticking.came), flush=True)
    os._exit(0)  # as one that is killed: nothing is closed in order


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
