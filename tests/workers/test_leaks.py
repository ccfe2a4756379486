"""A worker that ended with an error, and its error, are not kept."""

import gc
import weakref

import pytest
from tenacity import AsyncRetrying, Retrying, stop_after_attempt

from reconnecting_sse import ReconnectPolicy
from reconnecting_sse.subscription import keepers
from tests.durable.playing import no_thread_left
from tests.raw_wire import unused_port
from tests.workers.working import FACES, feed, watched

FIRST = stop_after_attempt(1)
ONCE = {
    FACES["sync"]: Retrying(stop=FIRST),
    FACES["async"]: AsyncRetrying(stop=FIRST),
}


def broken(*_):
    raise ZeroDivisionError


def ended(face, url, store, handler=broken, **options):
    """A worker's subscription, weakly, once it has ended with an error."""
    policy = ReconnectPolicy(stop=FIRST)
    running = face(url, store, handler, policy=policy, **options).begin()
    assert running.join() is not None
    return weakref.ref(running.source._subscription)


def without_an_answer(face):
    return ended(face, f"http://127.0.0.1:{unused_port()}", watched())


def of_its_handler(face):
    with feed(3, then="hang") as server:
        once = {"dead_letters": False, "retrying": ONCE[face]}
        return ended(face, server.url, watched(), **once)


def of_its_store(face):
    store = watched()
    store.before["replays"] = broken
    with feed(3, then="hang") as server:
        return ended(face, server.url, store, lambda _: None)


@pytest.mark.parametrize("way", [without_an_answer, of_its_handler, of_its_store])
def test_a_worker_that_ended_with_an_error_is_not_kept(face, way):
    with no_thread_left():
        left = way(face)
    gc.collect()
    assert left() is None
    assert not keepers._keepers
