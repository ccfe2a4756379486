"""A process that is frozen beyond its idle timeout finds what has come meanwhile."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from reconnecting_sse.testing import Answer, ScriptedServer
from tests.connection_harness import LIMIT
from tests.stuck import child, until_asleep, wait_for_line

SILENCE = 1.5
"""Seconds: the child's idle timeout."""

FROZEN = SILENCE + 0.3
"""Seconds for which the child is stopped, at the least."""

pytestmark = [
    pytest.mark.endurance,
    pytest.mark.skipif(
        not hasattr(signal, "SIGSTOP"), reason="needs signals that stop"
    ),
]

# More than is read from a socket at once.
EVENTS = [f"id: {n}\ndata: {'x' * 1000}\n\n" for n in range(1, 101)]

READING = """
import asyncio, sys
from tests.connection_harness import new_source

face, url, silence = sys.argv[1:]
if face == "uvloop":
    import uvloop
    runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
else:
    runner = asyncio.Runner()

def is_last(event):
    print(event.id, flush=True)
    return event.id == "100"

is_sync = face == "sync"
source = new_source(
    "sync" if is_sync else "async", url, idle_timeout=float(silence), until=is_last
)

async def main():
    asyncio.get_running_loop().slow_callback_duration = 10  # the machine may be busy
    async for event in source.aiter_sse():
        pass

with runner:
    if is_sync:
        for event in source.iter_sse():
            pass
    else:
        runner.run(main())
print(source.stats.connections, dict(source.stats.reconnects))
"""


@pytest.mark.parametrize("face", ["sync", "async", "uvloop"])
def test_what_came_while_the_process_was_frozen_is_read_and_is_no_silence(face):
    if face == "uvloop":
        pytest.importorskip("uvloop")
    frozen, sent = threading.Event(), threading.Event()

    def body():
        yield EVENTS[0]
        assert frozen.wait(LIMIT)
        yield from EVENTS[1:]
        sent.set()

    with (
        ScriptedServer([Answer(body=body(), end="hang")]) as server,
        child(face, READING, server.url, str(SILENCE)) as process,
    ):
        try:
            wait_for_line(process, "1")
            until_asleep(process.pid)
            process.send_signal(signal.SIGSTOP)
            os.waitpid(process.pid, os.WUNTRACED)  # until it is stopped
            frozen.set()
            assert sent.wait(LIMIT)
            threading.Event().wait(FROZEN)
            process.send_signal(signal.SIGCONT)
            output, errors = process.communicate(timeout=LIMIT)
        finally:
            process.kill()
        assert errors == ""
        *others, account = output.splitlines()
        assert others == [str(n) for n in range(2, 101)]
        assert account == "1 {}"
        assert len(server.requests) == 1
