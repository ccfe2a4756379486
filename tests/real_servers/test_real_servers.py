"""A feed with IDs loses nothing through what operators do to servers."""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
import signal
import threading
from contextlib import ExitStack

import httpxr
import pytest

from reconnecting_sse import (
    AsyncStreamingTransport,
    ReconnectingEventSource,
    ReconnectPolicy,
    StreamingTransport,
)
from tests.real_servers.servers import Nginx, Uvicorn

pytestmark = pytest.mark.endurance

NGINX = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")

needs_nginx = pytest.mark.skipif(
    NGINX is None, reason="nginx is not installed: apt-get install nginx-light"
)

# nginx buffers by default, unless the response asks it not to: sse-starlette's do.
BUFFER_ALL = "proxy_ignore_headers X-Accel-Buffering;"

EVENTS = 300
QUICK = ReconnectPolicy(initial_delay=0.05, max_delay=0.2)


class Site:
    """The servers, and an operator who acts whenever the feed falls silent."""

    def __init__(self, folder):
        self._folder = folder
        self._uvicorn = Uvicorn(folder)
        self._nginx = None
        self.front = self._uvicorn
        self.acted = []
        self._actions = {}

    def behind_nginx(self, extra=""):
        port = self._uvicorn.port
        self._nginx = self.front = Nginx(self._folder, NGINX, port, extra)

    def open(self, stack, actions):
        """Start everything; ``actions`` are named by the method, in order."""
        each = EVENTS // (len(actions) + 1)
        self._actions = {str(n * each): action for n, action in enumerate(actions, 1)}
        notices, self._stdout = os.pipe()
        stack.callback(os.close, self._stdout)
        for server in (self._uvicorn, self._nginx):
            if server is not None:
                stack.callback(server.close)
                server.start(self._stdout)
        operator = threading.Thread(target=self._operate, args=[notices])
        operator.start()
        stack.callback(operator.join)
        stack.callback(os.write, self._stdout, b"done\n")
        query = f"count={EVENTS}&stalls={','.join(self._actions)}"
        return f"http://127.0.0.1:{self.front.port.number}/feed?{query}"

    def _operate(self, notices):
        with os.fdopen(notices) as lines:
            for line in iter(lines.readline, "done\n"):
                number, worker = line.split()
                action = self._actions[number]
                getattr(self, action)(int(worker))
                self.acted.append(action)

    def kill_worker(self, worker):
        os.kill(worker, signal.SIGKILL)

    def reload_workers(self, _worker):
        self._uvicorn.signal(signal.SIGHUP)

    def restart_uvicorn(self, _worker):
        self._uvicorn.stop()
        self._uvicorn.start(self._stdout)

    def reload_nginx(self, _worker):
        self._nginx.signal(signal.SIGHUP)

    def stay_silent(self, _worker):
        """nginx ends it."""


def subscription(client, url):
    """Ends after the feed's end, or one event too many."""
    taken = itertools.count(1)
    return ReconnectingEventSource(
        client, "GET", url, policy=QUICK, until=lambda _: next(taken) > EVENTS
    )


def on_the_sync_face(url):
    with (
        httpxr.Client(transport=StreamingTransport()) as client,
        subscription(client, url) as source,
    ):
        return [(event.id, event.data) for event in source.iter_sse()], source.stats


def on_the_async_face(url):
    async def received():
        client = httpxr.AsyncClient(transport=AsyncStreamingTransport())
        async with subscription(client, url) as source:
            events = [(event.id, event.data) async for event in source.aiter_sse()]
        await client.aclose()
        return events, source.stats

    return asyncio.run(received())


on_both_faces = pytest.mark.parametrize(
    "received", [on_the_sync_face, on_the_async_face]
)


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path)


def assert_all_came_once(site, received, actions):
    with ExitStack() as stack:
        url = site.open(stack, actions)
        events, stats = received(url)
    expected = [(str(n), f"événement {n}") for n in range(1, EVENTS + 1)]
    assert events == expected
    assert site.acted == actions
    assert sum(stats.reconnects.values()) >= len(actions)


@on_both_faces
def test_uvicorn_may_lose_workers_and_be_restarted(site, received):
    actions = ["kill_worker", "restart_uvicorn", "reload_workers"]
    assert_all_came_once(site, received, actions)


@needs_nginx
@on_both_faces
def test_nginx_may_reload_and_time_out(site, received):
    site.behind_nginx()
    actions = ["reload_nginx", "kill_worker", "stay_silent", "restart_uvicorn"]
    assert_all_came_once(site, received, actions)


@needs_nginx
@on_both_faces
def test_nginx_may_hold_events_back_until_it_drops_them(site, received):
    site.behind_nginx(BUFFER_ALL)
    assert_all_came_once(site, received, ["reload_nginx", "kill_worker", "stay_silent"])
