"""One rule for the caller's functions: what they raise, or the truth of their answers.

It passes through unchanged, the source closes, and its cursor is before the event in
hand, so that another source gets that.
"""

from __future__ import annotations

from dataclasses import replace

import httpxr
import pytest

from reconnecting_sse import Dialect, ReconnectingEventSource
from tests.scenarios import Played, Reply, Scene, stream
from tests.subscription.test_scenarios import AGAIN, A, B, reset


@pytest.fixture
def scene(monkeypatch):
    return Scene(monkeypatch)


class Vague:
    """An answer whose truth, or number, cannot be told: as an array's of numpy's."""

    def __bool__(self):
        raise ZeroDivisionError("of more than one element")

    def __float__(self):
        raise ZeroDivisionError("of more than one element")


def vague(*_):
    return Vague()


def raising(*_):
    raise ZeroDivisionError


ENDS = {
    "until": ([], [A + B]),
    "is_gap": ([], [A + B]),
    "retry": (["a"], [A, reset()]),
    "stop": (["a"], [A, reset()]),
    "wait": (["a"], [A, reset()]),
}


@pytest.mark.parametrize("function", [vague, raising])
@pytest.mark.parametrize("name", ENDS)
def test_what_cannot_be_told_passes_through_and_closes(scene, name, function):
    handed_over, body = ENDS[name]
    options = {name: function}
    if name == "is_gap":
        options = {"dialect": Dialect(is_gap=function)}
    played = scene.play([stream(*body), stream(B)], *AGAIN, **options)
    assert isinstance(played.error, ZeroDivisionError)
    assert played.trace.events == handed_over
    assert played.source.state == "closed"
    assert played.source.last_event_id == ("1" if handed_over else "")
    assert played.source.stats.events == len(handed_over)
    assert played.trace.lines[-1] == ("ended",)
    assert len(played.trace.of("request")) == 1


@pytest.mark.parametrize("wait", [None, "soon", [1], 1j])
def test_a_wait_that_is_no_number_passes_through_as_what_it_raises(scene, wait):
    played = scene.play([stream(A), stream(B)], *AGAIN, wait=lambda _: wait)
    assert isinstance(played.error, (TypeError, ValueError))
    assert played.trace.lines[-1] == ("ended",)


@pytest.mark.parametrize("name", ["on_comment", "on_lifecycle", "on_gap", "prepare"])
def test_what_nobody_asks_the_truth_of_may_be_vague(scene, name):
    def answer(*arguments):
        return arguments[0] if name == "prepare" else Vague()

    bad = stream(b": c\n" + A + b"id: \x01\ndata: b\n\n")
    played = scene.play([bad, Reply(204)], **{name: answer})
    assert played.error is None
    assert played.trace.events == ["a", "b"]


ODD_REQUESTS = {
    "method": 5,
    "url": None,
    "headers": {"X": None},
    "params": Vague(),
    "cookies": Vague(),
    "auth": 5,
    "follow_redirects": Vague(),
    "extensions": 5,
    "body": {"json": Vague()},
    "defaults": None,
    "position": 5,
    "way": None,
}


@pytest.mark.parametrize("name", ODD_REQUESTS)
def test_whatever_of_a_prepared_request_is_odd_ends_it(scene, name):
    def prepare(request, _attempt):
        return replace(request, **{name: ODD_REQUESTS[name]})

    played = scene.play([stream(A)], *AGAIN, prepare=prepare)
    assert played.error is not None
    assert not isinstance(played.error, httpxr.HTTPError)
    assert played.source.state == "closed"
    assert played.trace.lines[-1] == ("ended",)
    assert played.trace.of("request") == []


class OddFlow(httpxr.Auth):
    def __init__(self, *requests):
        self._requests = requests

    def auth_flow(self, request):
        for odd in self._requests:
            yield request if odd is None else odd


class OddAsyncFlow(httpxr.Auth):
    def __init__(self, *requests):
        self._requests = requests

    async def async_auth_flow(self, request):
        for odd in self._requests:
            yield request if odd is None else odd


@pytest.mark.parametrize("requests", [(Vague(),), (None, Vague()), (None, 0)])
@pytest.mark.parametrize("face", ["sync", "async"])
def test_a_flow_that_gives_no_request_ends_it(monkeypatch, face, requests):
    flows = [OddFlow(*requests)]
    if face == "async":
        flows.append(OddAsyncFlow(*requests))
    for auth in flows:
        script = [stream(A)] * 2
        played = Played(monkeypatch, face, script, "GET", {"auth": auth})
        played.consume().consume()
        assert isinstance(played.error, TypeError)
        assert "not a request to send" in str(played.error)
        assert played.source.state == "closed"


class OddTransport(httpxr.BaseTransport):
    def __new__(cls, _):
        return super().__new__(cls)

    def __init__(self, response):
        self._response = response

    def handle_request(self, request):
        return self._response


class AsyncOnly:
    async def __aiter__(self):
        yield b""


@pytest.mark.parametrize(
    "response",
    [
        None,
        Vague(),
        httpxr.Response(
            200, headers={"Content-Type": "text/event-stream"}, stream=AsyncOnly()
        ),
    ],
)
def test_a_transport_whose_answer_cannot_be_read_ends_it(response):
    client = httpxr.Client(transport=OddTransport(response))
    source = ReconnectingEventSource(client, "GET", "http://feed.test/")
    with pytest.raises((AttributeError, TypeError)):
        next(source.iter_sse())
    assert source.state == "closed"
    assert list(source.iter_sse()) == []
