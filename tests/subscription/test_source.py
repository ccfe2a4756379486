"""What a source refuses and shows before, while and after it is iterated."""

from __future__ import annotations

import asyncio
import copy
import dataclasses
import pickle
from decimal import Decimal

import httpxr
import pytest
import tenacity

from reconnecting_sse import ReconnectingEventSource, ReconnectPolicy, aconnect_sse
from tests.scenarios import Played, Reply, Scene, stream

URL = "http://user:secret@feed.test/stream?token=secret"


@pytest.fixture
def scene(monkeypatch):
    return Scene(monkeypatch)


def sync_client():
    return httpxr.Client()


def async_client():
    return httpxr.AsyncClient()


def source_of(client=None, **options):
    return ReconnectingEventSource(client or sync_client(), "GET", URL, **options)


def test_headers_that_come_only_once_are_sent_with_every_attempt(monkeypatch):
    for face in ("sync", "async"):
        seen, options = [], {"headers": iter([("X-Key", "k")])}
        played = Played(monkeypatch, face, [Reply(503), Reply(204)], "GET", options)
        answer = played.server.answer

        def look(request, answer=answer, seen=seen):
            seen.append(request.headers.get("x-key"))
            return answer(request)

        monkeypatch.setattr(played.server, "answer", look)
        played.consume()
        assert seen == ["k", "k"]


def test_making_a_source_and_entering_its_block_does_nothing():
    with source_of() as source:
        assert source.state == "connecting"
        assert source.last_event_id == ""
        assert source.retry is None
        assert source.response is None
        stats = source.stats
        assert (stats.connections, stats.events, stats.bytes) == (0, 0, 0)
        assert stats.last_byte_age is None
        assert stats.normal_silence is None
        assert not stats.reconnects
    assert source.state == "closed"
    assert list(source.iter_sse()) == []


def test_the_async_block_does_nothing_either():
    async def main():
        async with source_of(async_client()) as source:
            assert source.state == "connecting"
        assert source.state == "closed"
        return [event async for event in source.aiter_sse()]

    assert asyncio.run(main()) == []


def test_a_repr_shows_no_credential():
    assert repr(source_of()) == (
        "<ReconnectingEventSource http://feed.test/stream?token=*** connecting>"
    )


@pytest.mark.parametrize(
    ("client", "wrong", "right"),
    [
        (async_client, "iter_sse", "aiter_sse"),
        (async_client, "iter_json", "aiter_json"),
        (sync_client, "aiter_sse", "iter_sse"),
        (sync_client, "aiter_json", "iter_json"),
        (async_client, "__iter__", "use async for"),
        (sync_client, "__aiter__", "use for"),
        (async_client, "__enter__", "use async with$"),
    ],
)
def test_the_wrong_face_names_the_right_one(client, wrong, right):
    with pytest.raises(TypeError, match=right):
        getattr(source_of(client()), wrong)()


def test_async_with_on_a_sync_client_names_with():
    async def main():
        async with source_of():
            pass

    with pytest.raises(TypeError, match=r"use with$"):
        asyncio.run(main())


ENTRANCES = {
    "async with": lambda client: source_of(client).__aenter__(),
    "async for": lambda client: anext(source_of(client).aiter_sse()),
    "aiter_json": lambda client: anext(source_of(client).aiter_json()),
    "aconnect_sse": lambda client: aconnect_sse(client, "GET", URL).__aenter__(),
}


@pytest.mark.parametrize("entrance", ENTRANCES)
def test_another_librarys_event_loop_is_told_to_be_one(entrance):
    step = ENTRANCES[entrance](async_client()).__await__()
    with pytest.raises(RuntimeError, match=r"asyncio.*asyncio\.run\(\).*trio"):
        next(step)  # as trio's own loop would


def test_a_client_of_another_library_is_refused():
    with pytest.raises(TypeError, match="httpxr"):
        source_of(object())


def test_a_policy_and_a_strategy_are_one_too_many():
    with pytest.raises(TypeError, match="wait="):
        source_of(policy=ReconnectPolicy(), wait=tenacity.wait_none())


def test_a_body_that_can_be_given_only_once_is_refused():
    with pytest.raises(TypeError, match="content="):
        source_of(content=iter([b"x"]))


def test_an_unknown_end_is_refused():
    with pytest.raises(ValueError, match="on_end="):
        source_of(on_end="stop")


def test_a_source_is_an_iterable_itself(monkeypatch):
    body = b"data: 1\n\ndata: 2\n\ndata: 3\n\n"
    for face in ("sync", "async"):
        played = Played(monkeypatch, face, [stream(body), Reply(204)], "GET", {})
        source, seen = played.source, []
        if face == "sync":
            for event in source:
                seen.append(event.data)
                break
            seen += [event.data for event in source]
        else:

            async def main(source=source, seen=seen):
                async for event in source:
                    seen.append(event.data)
                    break
                seen += [event.data async for event in source]

            asyncio.run(main())
        assert seen == ["1", "2", "3"]


def test_json_documents_go_on_after_a_break_and_end_at_done(monkeypatch):
    body = b'data: {"n": 1}\n\ndata:\n\ndata: 2\n\ndata: [DONE]\n\ndata: 3\n\n'
    seen = []
    for face in ("sync", "async"):
        played = Played(monkeypatch, face, [stream(body)], "GET", {})
        if face == "sync":
            seen.append(next(played.source.iter_json()))
            seen.extend(played.source.iter_json())
        else:

            async def main(source=played.source):
                seen.append(await anext(source.aiter_json()))
                seen.extend([document async for document in source.aiter_json()])

            asyncio.run(main())
        assert played.source.state == "closed"
    assert seen == [{"n": 1}, 2, {"n": 1}, 2]


def test_aclose_on_a_sync_source_closes_it():
    source = source_of()
    asyncio.run(source.aclose())
    assert source.state == "closed"


def test_stats_count_what_was_handed_over(scene):
    seen = []

    def look(source, _event):
        seen.append((source.state, source.stats.events, source.stats.last_byte_age))
        return False

    scene.play([stream(b"data: a\n\ndata: b\n\n"), Reply(204)], look)
    assert seen[:2] == [("open", 1, 0), ("open", 2, 0)]


@pytest.mark.parametrize("name", ["connect_timeout", "header_timeout", "idle_timeout"])
def test_a_timeout_is_a_time(name):
    for never in (None, float("inf"), 1e12):
        assert source_of(**{name: never}).state == "connecting"
    for wrong in (float("nan"), -1.0):
        with pytest.raises(ValueError, match=f"{name}="):
            source_of(**{name: wrong})


@pytest.mark.parametrize("name", ["until", "on_comment", "on_lifecycle", "on_gap"])
def test_a_callback_that_cannot_be_called_plainly_is_refused(name):
    async def coroutine_function(_):
        pass

    for wrong in (coroutine_function, 5):
        with pytest.raises(TypeError, match=f"{name}="):
            source_of(**{name: wrong})


async def prepare_later(request, _attempt):
    return request


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"last_event_id": 42}, "last_event_id= is a str"),
        ({"connect_timeout": "3"}, "connect_timeout= is seconds"),
        ({"json": {}, "content": "x"}, "one of json=, data= and content="),
        ({"json": {}, "data": {"a": "b"}}, "one of json=, data= and content="),
        ({"prepare": "token"}, "prepare= must be callable"),
        ({"prepare": prepare_later}, "prepare= is a coroutine function"),
        ({"logger": "worker"}, "logger= is a structlog logger"),
    ],
    ids=lambda given: " ".join(given) if isinstance(given, dict) else "",
)
def test_what_is_of_a_wrong_type_is_refused_when_it_is_given(options, words):
    with pytest.raises(TypeError, match=words):
        source_of(**options)


@pytest.mark.parametrize("size", [0, -1, "10"])
def test_a_limit_that_no_event_keeps_is_refused(size):
    with pytest.raises(ValueError, match="max_event_bytes="):
        source_of(max_event_bytes=size)


def test_what_is_too_large_is_raised_or_skipped():
    with pytest.raises(ValueError, match='too_large= is "raise" or "skip"'):
        source_of(too_large="ignore")


def test_a_coroutine_function_prepares_on_the_async_face():
    assert source_of(async_client(), prepare=prepare_later).state == "connecting"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("/feed?token=secret", "http://h.test/v1/feed?token=***"),
        ("feed", "http://h.test/v1/feed"),
        ("http://other.test", "http://other.test"),
    ],
)
@pytest.mark.parametrize("kind", [httpxr.Client, httpxr.AsyncClient])
def test_a_relative_url_is_shown_below_the_clients_base(kind, url, shown):
    client = kind(base_url="http://user:secret@h.test/v1/?key=secret")
    source = ReconnectingEventSource(client, "GET", url)
    assert repr(source) == f"<ReconnectingEventSource {shown} connecting>"


def test_stats_can_be_copied_kept_and_sent_on(monkeypatch):
    replies = [Reply(503), Reply(204)]
    played = Played(monkeypatch, "sync", replies, "GET", {})
    played.consume()
    stats = played.source.stats
    assert stats.reconnects == {"UnexpectedStatus": 1}
    assert dataclasses.asdict(stats)["reconnects"] == {"UnexpectedStatus": 1}
    assert copy.deepcopy(stats) == pickle.loads(pickle.dumps(stats)) == stats


@pytest.mark.parametrize("face", ["sync", "async"])
def test_seconds_may_be_any_number(monkeypatch, face):
    names = ("connect_timeout", "header_timeout", "idle_timeout")
    options = dict.fromkeys(names, Decimal(3))
    played, seen = Played(monkeypatch, face, [Reply(204)], "GET", options), []
    answer = played.server.answer

    def look(request):
        seen.extend(request.extensions["timeout"].values())
        return answer(request)

    played.server.answer = look
    played.consume()
    assert set(map(type, seen)) == {float}


@pytest.mark.parametrize("face", ["sync", "async"])
def test_an_event_at_which_until_closes_the_source_is_handed_over(monkeypatch, face):
    options = {"until": lambda _: played.source.close()}
    replies = [stream(b"data: a\n\ndata: b\n\n")]
    played = Played(monkeypatch, face, replies, "GET", options)
    played.consume()
    assert played.trace.events == ["a"]
    assert played.source.stats.events == 1


@pytest.mark.parametrize("face", ["sync", "async"])
def test_whoever_comes_next_settles_what_was_broken_off_unsettled(monkeypatch, face):
    replies = [stream(b"data: a\n\n"), Reply(204)]
    played = Played(monkeypatch, face, replies, "GET", {})
    played.source._subscription.pump.is_under_way = True
    played.consume()
    assert played.trace.events == ["a"]
