"""A numbered feed as one would write it with sse-starlette.

It goes on after the client's Last-Event-ID and answers 204 to who has it all. At the
events named in ``?stalls=`` it falls silent for good, once each: it says so on stdout,
and only the end of the connection leads on.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route


async def feed(request):
    done = int(request.headers.get("last-event-id", "0"))
    count = int(request.query_params["count"])
    if done >= count:
        return Response(status_code=204)
    stalls = {int(stall) for stall in request.query_params["stalls"].split(",")}
    return EventSourceResponse(events(range(done + 1, count + 1), stalls))


async def events(numbers, stalls):
    for number in numbers:
        yield ServerSentEvent(id=str(number), data=f"événement {number}")
        if number in stalls and is_first(number):
            sys.stdout.write(f"{number} {os.getpid()}\n")
            sys.stdout.flush()
            await asyncio.Event().wait()


def is_first(number):
    """Whether no worker stalled there before."""
    try:
        Path(os.environ["STALLS"], str(number)).touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


app = Starlette(routes=[Route("/feed", feed)])
