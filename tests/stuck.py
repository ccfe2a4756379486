"""Consumers that are stuck, at each of the places where one can be."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from tenacity import wait_fixed

from reconnecting_sse.testing import Answer, Hang, ScriptedServer
from tests import loops
from tests.connection_harness import LIMIT, PROMPT, Log, new_source

FIRST = "id: 1\ndata: a\n\n"
NEXT = Answer(body=["id: 2\ndata: b\n\n"], end="hang")
STAGES = ("connect", "headers", "read", "wait")
FOREVER = wait_fixed(60)
PYTHON = (sys.executable, "-X", "dev", "-W", "error")


class Scene:
    """A server at which a consumer gets stuck, and then can go on.

    Attributes:
        first: How many events come before that.
    """

    def __init__(self, stage, server):
        self.server, self.url, self.stage = server, server.url, stage
        self.log = Log()
        self.first = 1 if stage in ("read", "wait") else 0

    def source(self, face, wait=FOREVER):
        # Where no event comes first the ID is given: the cursor is 1 at each stage.
        given = None if self.first else "1"
        return new_source(
            face, self.url, logger=self.log, wait=wait, last_event_id=given
        )

    def reached(self):
        """Wait until the consumer is there, give or take some microseconds."""
        self.server.wait_for_requests(1, LIMIT)
        if self.stage == "read":
            self.log.wait_for("stream.open")
        elif self.stage == "wait":
            self.log.wait_for("stream.waiting")

    def assert_connection_closed(self):
        """The server has seen it, where its connection is the one in use."""
        if self.stage in ("headers", "read"):
            assert self.server.requests[0].closed_by_client.wait(PROMPT)


@contextmanager
def stuck_at(stage):
    """A scene at which the first attempt gets stuck, and the next one gets ``NEXT``."""
    with ExitStack() as stack:
        if stage == "connect":
            headers = [("Location", stack.enter_context(black_hole()))]
            step = Answer(302, headers=headers, framing="length")
        elif stage == "headers":
            step = Hang()
        else:
            step = Answer(body=[FIRST], end="hang" if stage == "read" else "finish")
        yield Scene(stage, stack.enter_context(ScriptedServer([step, NEXT])))


@contextmanager
def black_hole():
    """The URL of a listener that lets no more connections in, nor refuses them."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = []
        try:
            while _is_let_in(listener.getsockname(), waiting):
                pass
            yield "http://{}:{}/".format(*listener.getsockname())
        finally:
            for each in waiting:
                each.close()


def _is_let_in(address, waiting):
    """Whether one more connection finds a place in the queue."""
    dialing = socket.socket()
    waiting.append(dialing)
    dialing.setblocking(False)
    dialing.connect_ex(address)
    return bool(select.select([], [dialing], [], 0.2)[1])


def until_asleep(process, thread=None):
    """Wait until the thread, or the main one, is blocked; where that can be seen."""
    stat = Path(f"/proc/{process}/task/{thread or process}/stat")
    deadline, asleep = time.monotonic() + LIMIT, 0
    while asleep < 3:  # once may be a lock that is free at once
        threading.Event().wait(0.01)
        is_known = stat.exists()
        state = stat.read_text().rpartition(") ")[2][0] if is_known else "S"
        asleep = asleep + 1 if state == "S" else 0
        assert time.monotonic() < deadline, f"the process is never blocked: {state}"


@contextmanager
def on_signal(handler, reached):
    """Let ``handler`` run in the main thread, once ``reached`` and blocked there.

    Every failure to get there ends in the signal, too, so that nothing blocks for ever.
    """
    before = signal.signal(signal.SIGUSR1, lambda *_: handler())
    sender = threading.Thread(target=_send_signal, args=(reached,))
    sender.start()
    try:
        yield
    finally:
        sender.join()
        signal.signal(signal.SIGUSR1, before)


def _send_signal(reached):
    try:
        reached()
        until_asleep(os.getpid())
    finally:
        os.kill(os.getpid(), signal.SIGUSR1)


def child(face, script, *urls, is_traced=True):
    """A process that runs the script, and in which every warning is an error.

    What traces its lines takes locks between any two of them: an exception that may
    land anywhere would leave them locked.
    """
    inherited = {
        name: value
        for name, value in os.environ.items()
        if is_traced or not name.startswith("COVERAGE_")
    }
    return subprocess.Popen(
        [*PYTHON, "-c", loops.IN_CHILDREN + script, face, *urls],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=inherited | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )


def wait_for_line(process, wanted):
    for line in process.stdout:
        if line.strip() == wanted:
            return
    pytest.fail(f"the process ended before it said {wanted}: {process.stderr.read()}")
