"""Every test of a worker is run on both faces; nothing of it is left behind."""

from __future__ import annotations

from contextlib import contextmanager

import pytest

from tests.durable.playing import no_thread_left
from tests.workers.working import FACES


@pytest.fixture(params=list(FACES.values()), ids=list(FACES))
def face(request):
    return request.param


@pytest.fixture
def work(face):
    """Makes workers of one face that run beside the test, and ends them."""
    with _workers(face) as begin:
        yield begin


@pytest.fixture
def awork():
    """The same for what is only on the async face."""
    with _workers(FACES["async"]) as begin:
        yield begin


@contextmanager
def _workers(face):
    running = []

    def begin(*args, **options):
        running.append(face(*args, **options))
        return running[-1].begin()

    with no_thread_left():
        yield begin
        for each in running:
            each.worker.stop()
            each.join()
        running.clear()
