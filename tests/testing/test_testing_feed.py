"""The numbered feed and its faults: what each connection gets, and what arrives."""

from __future__ import annotations

import http.client
import re
import socket
from contextlib import closing, suppress
from dataclasses import replace
from urllib.parse import urlsplit

import pytest

from reconnecting_sse.testing import (
    FAULT_KINDS,
    Answer,
    Close,
    NumberedFeed,
    Pause,
    RandomFaults,
    RecordedRequest,
    ScriptedServer,
)


def request(last_event_id=None):
    headers = [] if last_event_id is None else [("last-event-id", last_event_id)]
    return RecordedRequest("GET", "/", headers, b"")


def ids(answer):
    return [int(n) for n in re.findall(r"id: (\d+)", "".join(answer.body))]


@pytest.mark.parametrize(
    ("last_event_id", "expected"),
    [
        (None, [5, 6, 7]),
        ("5", [6, 7]),
        ("7", []),
        ("4", [5, 6, 7]),
        ("8", [5, 6, 7]),
        ("x", [5, 6, 7]),
        ("9" * 5000, [5, 6, 7]),
    ],
)
def test_the_feed_goes_on_after_the_last_event_id(last_event_id, expected):
    answer = NumberedFeed(3, start=5)(request(last_event_id))
    assert ids(answer) == expected
    assert answer.end == "hang"


def test_an_event_has_its_id_and_its_data_line_by_line():
    assert NumberedFeed(1).event(7) == "id: 7\ndata: n7\n\n"
    assert NumberedFeed(1, data="a\n{n}").event(7) == "id: 7\ndata: a\ndata: 7\n\n"
    assert NumberedFeed(1, data=hex).event(7) == "id: 7\ndata: 0x7\n\n"


def test_the_feed_can_announce_a_reconnection_time_and_take_its_time():
    answer = NumberedFeed(1, retry=50, pause=0.5)(request())
    assert list(answer.body) == ["retry: 50\n\n", "id: 1\ndata: n1\n\n", Pause(0.5)]


def test_the_feed_ends_as_asked():
    assert NumberedFeed(1, then="end")(request("1")).end == "finish"
    assert NumberedFeed(1, then="stop")(request()).end == "finish"
    assert NumberedFeed(1, then="stop")(request("1")) == Answer(status=204)


def test_faults_decide_what_becomes_of_a_connection():
    seen = []

    def fault(asked, answer):
        seen.append((asked.header("last-event-id"), ids(answer)))
        return Close()

    assert NumberedFeed(3, faults=fault)(request("1")) == Close()
    assert seen == [("1", [2, 3])]


def outcomes(faults, count=200):
    return [faults(request(), Answer(body=iter("abc" * 50))) for _ in range(count)]


def shown(step):
    body = "".join(step.body) if isinstance(step, Answer) else ""
    return re.sub(r"body=<.*?>", f"body={body}", repr(step))


def test_the_same_seed_gives_the_same_faults():
    first, second, other = (outcomes(RandomFaults(seed)) for seed in (1, 1, 2))
    first, second, other = ([*map(shown, steps)] for steps in (first, second, other))
    assert first == second
    assert first != other


def test_each_kind_of_fault_happens_and_is_told():
    faults = RandomFaults(3, reach=64, retry_after=2)
    steps = outcomes(faults)
    assert set(faults.happened) == set(FAULT_KINDS)
    seen = {kind: [] for kind in FAULT_KINDS}
    for kind, step in zip(faults.happened, steps, strict=True):
        seen[kind].append(step)
    assert all(isinstance(step, Close) for step in seen["close"])
    for kind, end in (("cut", "cut"), ("reset", "reset"), ("stall", "hang")):
        assert {step.end for step in seen[kind]} == {end}
        assert {step.stop_after for step in seen[kind]} <= set(range(65))
    assert {len(list(step.body)) for step in seen["end"]} == {0, 1, 2}
    assert {tuple(step.headers) for step in seen["busy"]} == {
        (),
        (("Retry-After", "2"),),
    }


def test_faults_can_be_limited_in_number_rate_and_kind():
    limited = RandomFaults(4, limit=3, kinds=["cut"])
    outcomes(limited, 10)
    assert limited.happened == ["cut"] * 3 + [None] * 7
    rare = RandomFaults(4, rate=0.3)
    outcomes(rare)
    assert 20 < len(rare.happened) - rare.happened.count(None) < 100


def received(url, last_event_id):
    """The status, and the IDs of the events complete before the end or a silence."""
    parts = urlsplit(url)
    status, body = None, b""
    client = http.client.HTTPConnection(parts.hostname, parts.port, timeout=0.1)
    with closing(client), suppress(http.client.HTTPException, OSError):
        client.request("GET", "/", headers={"Last-Event-ID": str(last_event_id)})
        with closing(client.getresponse()) as response:
            status = response.status
            while data := response.read1():
                body += data
    return status, [int(n) for n in re.findall(rb"id: (\d+)\ndata: .*\n\n", body)]


def test_a_client_that_resumes_gets_every_event_once_through_all_faults():
    faults = RandomFaults(5, limit=30, reach=200)
    feed = NumberedFeed(40, data="événement {n} ✓", then="stop", faults=faults)
    got, status = [], None
    with ScriptedServer(feed) as server:
        while status != 204 and len(server.requests) < 100:
            status, new = received(server.url, got[-1] if got else "")
            got += new
    assert got == list(range(1, 41))
    assert len(faults.happened) - faults.happened.count(None) <= 30


def test_a_body_can_be_cut_after_any_byte():
    feed = NumberedFeed(2, data="événement {n} ✓")
    events = [feed.event(n).encode() for n in (1, 2)]
    whole = b"".join(b"%x\r\n%b\r\n" % (len(event), event) for event in events)
    cuts = iter(range(len(whole) + 1))

    def cut(asked):
        return replace(feed(asked), stop_after=next(cuts), end="cut")

    with ScriptedServer(cut) as server:
        parts = urlsplit(server.url)
        for size in range(len(whole) + 1):
            with socket.create_connection((parts.hostname, parts.port), 5) as client:
                client.sendall(b"GET / HTTP/1.1\r\n\r\n")
                got = b"".join(iter(lambda: client.recv(65536), b""))
            assert got.partition(b"\r\n\r\n")[2] == whole[:size]
