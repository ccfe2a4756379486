"""The one timer that watches all of a body's waits, on a clock of its own."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from reconnecting_sse.transports.aiohttp_silence import Silence, SilenceError


class Timer:
    """Not every loop's says when it is due: uvloop's may be a plain handle."""

    def __init__(self, loop, due, call):
        self.loop, self.due, self.call = loop, due, call

    def cancel(self):
        self.loop.timers.remove(self)


class Loop:
    """As much of an event loop as a timer needs."""

    def __init__(self):
        self.now, self.timers, self.armed = 100.0, [], 0

    def time(self):
        return self.now

    def call_at(self, due, call):
        self.armed += 1
        self.timers.append(Timer(self, due, call))
        return self.timers[-1]

    def pass_time(self, seconds):
        end = self.now + seconds
        while self.timers and min(timer.due for timer in self.timers) <= end:
            timer = min(self.timers, key=lambda timer: timer.due)
            self.timers.remove(timer)
            self.now = timer.due
            timer.call()
        self.now = end


class Content:
    """As much of aiohttp's reader as is asked."""

    def __init__(self):
        self.total_bytes, self.errors = 0, []

    def set_exception(self, error):
        self.errors.append(error)


@pytest.fixture
def watched():
    loop, content = Loop(), Content()
    silence = Silence(content, loop)
    return SimpleNamespace(loop=loop, content=content, silence=silence)


def test_a_wait_that_is_too_long_is_ended_at_its_end(watched):
    watched.silence.begin(10)
    watched.loop.pass_time(9.9)
    assert watched.content.errors == []
    watched.loop.pass_time(0.1)
    (error,) = watched.content.errors
    assert isinstance(error, SilenceError)
    assert error.seconds == 10
    assert watched.loop.timers == []


def test_any_number_of_short_waits_take_one_timer_a_period(watched):
    for _ in range(1000):
        watched.silence.begin(10)
        watched.loop.pass_time(0.1)
        watched.silence.end()
    assert watched.content.errors == []
    assert watched.loop.armed <= 11


def test_each_wait_has_the_whole_time(watched):
    watched.silence.begin(10)
    watched.loop.pass_time(9)
    watched.silence.end()
    watched.silence.begin(10)
    watched.loop.pass_time(9.9)
    assert watched.content.errors == []
    watched.loop.pass_time(0.1)
    assert len(watched.content.errors) == 1


def test_time_between_waits_is_not_silence(watched):
    watched.silence.begin(10)
    watched.silence.end()
    watched.loop.pass_time(1000)
    assert watched.content.errors == []
    watched.silence.begin(10)
    watched.loop.pass_time(10)
    assert len(watched.content.errors) == 1


def test_a_shorter_limit_counts_at_once(watched):
    watched.silence.begin(300)
    watched.silence.end()
    watched.silence.begin(10)
    watched.loop.pass_time(10)
    (error,) = watched.content.errors
    assert error.seconds == 10
    assert watched.loop.timers == []


def test_without_a_limit_no_timer_is_armed(watched):
    watched.silence.begin(None)
    assert watched.loop.timers == []


def test_bytes_that_came_first_are_no_silence_however_late_the_reader_is(watched):
    watched.silence.begin(10)
    watched.content.total_bytes += 1
    watched.loop.pass_time(20)
    assert watched.content.errors == []


def test_a_timer_that_is_cancelled_leaves_nothing_to_the_loop(watched):
    watched.silence.begin(10)
    watched.silence.cancel()
    watched.silence.cancel()
    assert watched.loop.timers == []
