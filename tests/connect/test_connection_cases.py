"""The connection cases of ``conformance``, on both faces, as a browser would."""

from __future__ import annotations

import asyncio
import json
import threading
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path

import pytest

from reconnecting_sse import UnexpectedContentType, UnexpectedStatus
from tests.connection_harness import (
    FACES,
    handed_over,
    new_source,
    reader_for,
    take_async,
)
from tests.connection_run import Run, Server

CASES = {
    case["name"]: case
    for case in json.loads(
        Path(__file__)
        .parents[1]
        .joinpath("conformance", "connection_cases.json")
        # one reads as UTF-8 wherever the tests run
        .read_text(encoding="utf-8")
    )["cases"]
    if case["level"] != "open"  # the sources disagree: nobody fails on those
}
ABANDONED = CASES.pop("abandon-iteration-closes-socket")
FAILURES = {"status": UnexpectedStatus, "content-type": UnexpectedContentType}
TOLERANCE = 10
"""What upper bounds are multiplied by: they are no promise about this machine."""


@pytest.fixture(scope="module")
def runs():
    """All cases on both faces, several at once: most of their time is waiting."""
    with ThreadPoolExecutor(8) as pool:
        yield {
            (name, face): pool.submit(Run, case, face)
            for face in FACES
            for name, case in CASES.items()
            if not _times_events(case)
        }


def _times_events(case):
    between = case["expect"].get("timing", ())
    return any("min_ms" in t and t["to"].startswith("event") for t in between)


@pytest.fixture
def run(runs, name, face):
    if (name, face) in runs:
        return runs[name, face].result(60)
    # Its lower bounds lie between two arrivals: nothing else may delay the first.
    wait(runs.values())
    return Run(CASES[name], face)


@pytest.mark.timeout(60)  # whichever is first waits for all that were begun before it
@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("name", CASES)
def test_what_the_case_expects_is_what_happens(run):
    expect = run.case["expect"]
    assert run.is_held, "what the case waits for did not happen"
    assert run.has_ended, "the iteration did not end"
    check_events(run, expect["events"])
    check_counts(run, expect)
    check_requests(run, expect.get("requests", ()))
    check_end(run, expect)
    check_timing(run, expect.get("timing", ()))
    assert not [r for r in run.requests if r.get("unexpected")]


def check_events(run, expected):
    seen = [[event.event, event.data, event.id] for event in run.consumer.events]
    assert seen == expected


def check_counts(run, expect):
    counts = run.counts() | {"connections": len(run.requests)}
    for what in {"connections", "opens", "errors"} & expect.keys():
        expected = expect[what]
        if isinstance(expected, int):
            expected = {"min": expected, "max": expected}
        assert counts[what] >= expected["min"], what
        assert counts[what] <= expected.get("max", counts[what]), what


def check_requests(run, expected):
    assert len(run.requests) >= len(expected)
    for sent, wanted in zip(run.requests, expected, strict=False):
        for name, value in wanted.get("headers", {}).items():
            values = [v for n, v in sent["headers"] if n == name]
            assert values == ([] if value is None else [value]), name
        for name in wanted.keys() - {"headers"}:
            assert sent[name] == wanted[name]


def check_end(run, expect):
    error = run.consumer.error
    assert expect.get("final_state", run.source.state) == run.source.state
    if "failure" in expect:
        assert isinstance(error, FAILURES[expect["failure"]])
    if "error_status" in expect:
        assert error.status == expect["error_status"]
        assert expect["error_headers"].items() <= dict(error.headers).items()
    if {"events", "requests", "opens", "ms"} & (run.case["close_when"] or {}).keys():
        assert error is None  # close() is no failure
    for number in expect.get("client_closed", ()):
        assert "t_client_closed" in run.requests[number - 1]
    if "states" in expect:
        seen = ["connecting" if s == "waiting" else str(s) for s in run.states]
        assert [state for state, _ in groupby(seen)] == expect["states"]


def check_timing(run, bounds):
    for bound in bounds:
        took = run.time_of(bound["to"]) - run.time_of(bound["from"])
        assert took >= bound.get("min_ms", 0), bound
        assert took <= bound.get("max_ms", float("inf")) * TOLERANCE, bound


# ------------------------------------------------- the case that is an abandonment


@contextmanager
def abandonment():
    """Serves the case; what was connected in the block has to be closed by then."""
    with Server(ABANDONED["server_script"], threading.Condition()) as server:
        yield server.url + "/stream"
        threading.Event().wait(ABANDONED["settle_ms"] / 1000)
        assert len(server.requests) == ABANDONED["expect"]["connections"]
        assert "t_client_closed" in server.requests[0]


@pytest.mark.parametrize("face", FACES)
def test_leaving_the_with_block_closes_the_connection(face):
    with reader_for(face) as reader, abandonment() as url:
        source = new_source(face, url)
        assert len(reader.take(source, 1)) == 1
        reader.leave(source)


@pytest.mark.parametrize("face", FACES)
def test_leaving_the_loop_and_forgetting_the_source_closes_the_connection(face):
    with reader_for(face) as reader, abandonment() as url:
        source = new_source(face, url)
        assert len(reader.take(source, 1)) == 1
        del source
        reader.idle()


def test_cancelling_the_task_closes_the_connection():
    async def main(source):
        reading = asyncio.create_task(take_async(source))
        await handed_over(source, 2)
        reading.cancel()
        await asyncio.wait([reading])
        assert reading.cancelled()

    with abandonment() as url:
        source = new_source("async", url)
        asyncio.run(main(source))
        assert source.state == "connecting"
