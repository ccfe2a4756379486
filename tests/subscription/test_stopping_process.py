"""Whole processes: Ctrl-C while blocked, and exits that leave sources open."""

from __future__ import annotations

import signal
import time
from contextlib import contextmanager

import pytest

from reconnecting_sse.testing import Answer, Close, Hang, NumberedFeed, ScriptedServer
from tests.connection_harness import FACES, LIMIT, PROMPT
from tests.stuck import black_hole, child, until_asleep, wait_for_line

pytestmark = pytest.mark.endurance

INTERRUPTED = """
import asyncio, signal, sys, time
from tenacity import wait_fixed
from tests.connection_harness import new_source

# Whoever runs the tests may ignore it, and would hand that down.
signal.signal(signal.SIGINT, signal.default_int_handler)

class Said:
    def debug(self, name, **_):
        print(name, flush=True)
    info = warning = debug

face, url = sys.argv[1:]
source = new_source(face, url, logger=Said(), wait=wait_fixed(60))

async def main():
    asyncio.get_running_loop().slow_callback_duration = 10  # the machine may be busy
    async for event in source.aiter_sse():
        pass

try:
    if face == "async":
        asyncio.run(main())
    else:
        for event in source.iter_sse():
            pass
except KeyboardInterrupt:
    print(time.monotonic(), flush=True)
"""

# Nothing here is left through a `with`; the states are printed at the end.
LEFT_OPEN = """
import asyncio, gc, signal, sys, threading
from contextlib import suppress
from tenacity import wait_fixed
from tests.connection_harness import new_source

face, feed, dead, silent = sys.argv[1:]

class Watch:
    "Does something once it is told something."

    wanted = None

    def debug(self, name, **_):
        if name == self.wanted:
            self.then()
    info = warning = debug

watch = Watch()

def new(url, **options):
    return new_source(face, url, wait=wait_fixed(60), logger=watch, **options)

fresh, opened, waiting, connecting = new(feed), new(feed), new(dead), new(silent)
closed, ended, reopened = new(feed), new(feed, until=bool), new(silent)
kept = [fresh, opened, waiting, connecting, closed, ended, reopened]
"""

LEFT_OPEN_SYNC = """
def interrupt(*_):
    signal.setitimer(signal.ITIMER_REAL, 0)
    raise KeyboardInterrupt

signal.signal(signal.SIGALRM, interrupt)

def interrupted(source, wanted):
    watch.wanted = wanted
    # One that comes right before a call that blocks goes unheard.
    watch.then = lambda: signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
    with suppress(KeyboardInterrupt):
        for event in source.iter_sse():
            pass

iterator = opened.iter_sse()
next(iterator)
for event in closed.iter_sse():
    closed.close()
for event in ended.iter_sse():
    pass
interrupted(waiting, "stream.waiting")
interrupted(connecting, "stream.connecting")
interrupted(reopened, "stream.connecting")

# One is read when the process ends, by a thread that nobody waits for.
reading = threading.Event()
watch.then = reading.set

def read():
    for event in reopened.iter_sse():
        pass

threading.Thread(target=read, daemon=True).start()
reading.wait()
for event in new(feed).iter_sse():  # forgotten at once
    break
print(*(source.state for source in kept[:-1]))
"""

LEFT_OPEN_ASYNC = """
async def first(source):
    async for event in source.aiter_sse():
        return

async def all_of(source):
    async for event in source.aiter_sse():
        pass

async def interrupted(source, wanted):
    reading = asyncio.create_task(all_of(source))
    watch.wanted = wanted
    watch.then = lambda: asyncio.get_running_loop().call_later(0.05, reading.cancel)
    with suppress(asyncio.CancelledError):
        await reading

async def main():
    asyncio.get_running_loop().slow_callback_duration = 10  # the machine may be busy
    await first(opened)
    async for event in closed.aiter_sse():
        closed.close()
    await all_of(ended)
    await interrupted(waiting, "stream.waiting")
    await interrupted(connecting, "stream.connecting")
    # One is read when the loop ends, by a task that nobody waits for.
    reading = asyncio.Event()
    watch.then = reading.set
    kept.append(asyncio.create_task(all_of(reopened)))
    await reading.wait()
    await first(new(feed))  # forgotten at once
    forgotten.append(new(feed))
    await first(forgotten[0])

forgotten = []
asyncio.run(main())
forgotten.clear()  # after the loop that it was read on
gc.collect()
print(*(source.state for source in kept[:-2]))
"""


@contextmanager
def blocking_url(stage):
    if stage == "connecting":
        with black_hole() as url:
            yield url
        return
    steps = {
        "headers": Hang(),
        "open": Answer(body=[": hello\n\n"], end="hang"),
        "waiting": Close(),
    }
    with ScriptedServer([steps[stage]]) as server:
        yield server.url


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("stage", ["connecting", "headers", "open", "waiting"])
def test_control_c_ends_a_loop_wherever_it_is_blocked(face, stage):
    said = "stream.connecting" if stage == "headers" else f"stream.{stage}"
    with blocking_url(stage) as url, child(face, INTERRUPTED, url) as process:
        try:
            wait_for_line(process, said)
            until_asleep(process.pid)
            sent = time.monotonic()
            process.send_signal(signal.SIGINT)
            caught, errors = process.communicate(timeout=LIMIT)
        finally:
            process.kill()
    assert float(caught.split()[-1]) - sent <= PROMPT
    assert (process.returncode, errors) == (0, "")


@pytest.mark.parametrize(
    ("face", "script"), [("sync", LEFT_OPEN_SYNC), ("async", LEFT_OPEN_ASYNC)]
)
def test_sources_that_nobody_closes_are_left_without_a_warning(face, script):
    feed = NumberedFeed(3)
    with (
        ScriptedServer(feed) as server,
        ScriptedServer([Close()]) as dead,
        ScriptedServer(lambda _: Hang()) as silent,
        child(face, LEFT_OPEN + script, server.url, dead.url, silent.url) as process,
    ):
        try:
            states, errors = process.communicate(timeout=LIMIT)
        finally:
            process.kill()
    assert (process.returncode, errors) == (0, "")
    assert states.split() == [
        *("connecting", "open", "waiting", "connecting", "closed", "closed")
    ]
