"""After a fork a source is the parent's: the child is told so, and disturbs nothing."""

from __future__ import annotations

import os
import threading

import pytest

from reconnecting_sse.testing import Answer, ScriptedServer
from tests.connection_harness import FACES, LIMIT
from tests.stuck import child, wait_for_line

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")

both_faces = pytest.mark.parametrize("face", FACES)

# A fork of a process that has threads (the resolver's) is deprecated since 3.12, for
# what the child may do then; ours does nothing with threads.
SCRIPT = """
import asyncio, gc, os, sys, warnings
import httpxr
from reconnecting_sse import (
    AsyncStreamingTransport, ReconnectingEventSource, StreamingTransport
)

face, url, action, exit_ = sys.argv[1:]
is_async = face == "async"
if is_async:
    client = httpxr.AsyncClient(transport=AsyncStreamingTransport())
else:
    client = httpxr.Client(transport=StreamingTransport())
source = ReconnectingEventSource(client, "GET", url)
runner = asyncio.Runner() if is_async else None


async def first():
    asyncio.get_running_loop().slow_callback_duration = 10  # the machine may be busy
    async for event in source.aiter_sse():
        return event


def take():
    event = runner.run(first()) if is_async else next(source.iter_sse())
    print(event.data, flush=True)


def use():
    try:
        take()
    except RuntimeError as error:
        assert "fork" in str(error), error
    else:
        raise AssertionError("the child could use the source")


def close():
    source.close()
    source.close()
    if is_async:
        runner.run(source.aclose())
    assert source.state == "closed"


def forget():
    globals().pop("source")
    gc.collect()


def reconnect():
    source.reconnect()


def everything():
    use()
    reconnect()
    close()
    use()
    forget()


def nothing():
    pass


def in_the_child():
    globals()[action]()
    gc.collect()
    sys.stdout.flush()
    if exit_ == "at once":
        os._exit(0)
    sys.exit()


take()
with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    process = os.fork()
if not process:
    in_the_child()
_, status = os.waitpid(process, 0)
print("status", os.waitstatus_to_exitcode(status), flush=True)
take()
source.close()
if is_async:
    runner.close()
"""

APART = ("nothing", "use", "reconnect", "close", "forget")
ACTIONS = [
    "everything",
    *(pytest.param(action, marks=pytest.mark.endurance) for action in APART),
]


@both_faces
@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("exit_", ["at once", "normally"])
def test_the_parents_stream_goes_on_whatever_the_child_does(face, action, exit_):
    gate = threading.Event()
    body = ["id: 1\ndata: first\n\n", gate, "id: 2\ndata: second\n\n"]
    with (
        ScriptedServer([Answer(body=body, end="hang")]) as server,
        child(face, SCRIPT, server.url, action, exit_) as process,
    ):
        try:
            wait_for_line(process, "first")
            wait_for_line(process, "status 0")
            assert not server.requests[0].closed_by_client.is_set()
            gate.set()
            output, errors = process.communicate(timeout=LIMIT)
        finally:
            process.kill()
        assert output.split() == ["second"]
        assert errors == ""
        assert process.returncode == 0
        assert len(server.requests) == 1
