"""``demo``: the faults, the account of them, and a verdict that is computed."""

from __future__ import annotations

import logging
import re
import signal
import subprocess
import sys
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from subprocess import PIPE

import pytest

from reconnecting_sse.cli import demo, killing, survivor
from reconnecting_sse.cli.ordeal import DEEDS, Ordeal
from reconnecting_sse.cli.verdict import Verdict
from reconnecting_sse.testing import (
    FAULT_KINDS,
    Answer,
    NumberedFeed,
    RecordedRequest,
    ScriptedServer,
)
from tests.cli.invoking import invoked

COMMAND = (sys.executable, "-X", "dev", "-W", "error", "-m", "reconnecting_sse")
FACES = ("--sync", "--async")


def run(*words):
    return invoked("demo", *words)


def numbers(account):
    """The verdict's figures by name."""
    return dict(re.findall(r"^ *([a-z][a-z ]+?)  (\d+)", account, re.MULTILINE))


# ------------------------------------------------------------------------ the verdict

FEED = [(str(n), f"n{n}") for n in range(1, 6)]
ONE, TWO, THREE, FOUR, FIVE = FEED


@pytest.mark.parametrize(
    ("received", "lost", "duplicated", "misordered", "foreign"),
    [
        (FEED, 0, 0, 0, 0),
        ([], 5, 0, 0, 0),
        ([ONE, THREE, FIVE], 2, 0, 0, 0),
        ([ONE, TWO, TWO, TWO, THREE, FOUR, FIVE], 0, 2, 0, 0),
        ([ONE, TWO, THREE, FOUR, FIVE, ONE], 0, 1, 0, 0),
        ([TWO, ONE, THREE, FIVE, FOUR], 0, 0, 2, 0),
        ([FIVE, ONE, TWO, THREE, FOUR], 0, 0, 4, 0),
        ([ONE, TWO, ("3", "n4"), FOUR, FIVE], 1, 0, 0, 1),
        ([*FEED, ("6", "n6"), ("6", "n6")], 0, 0, 0, 2),
    ],
)
def test_the_verdict_counts_every_difference(
    received, lost, duplicated, misordered, foreign
):
    verdict = Verdict.of(FEED, received)
    assert verdict == Verdict(
        expected=5,
        received=len(received),
        lost=lost,
        duplicated=duplicated,
        misordered=misordered,
        foreign=foreign,
    )
    assert verdict.is_perfect is (received == FEED)


# ------------------------------------------------------------------------ the ordeal


def request(last_event_id=None):
    headers = [] if last_event_id is None else [("last-event-id", last_event_id)]
    return RecordedRequest("GET", "/", headers, b"")


def suffered(seed):
    ordeal = Ordeal(seed, 300)
    answer = Answer(body=["data: x\n\n"] * 10)
    steps = [ordeal(request(str(10 * n)), answer) for n in range(12)]
    return ordeal, steps


def test_every_kind_of_fault_happens_twice_as_the_seed_says():
    ordeal, steps = suffered(1)
    assert Counter(ordeal.happened) == dict.fromkeys(FAULT_KINDS, 2)
    again, same_steps = suffered(1)
    assert again.happened == ordeal.happened
    assert [step.before for step in steps] == [step.before for step in same_steps]
    assert suffered(2)[0].happened != ordeal.happened


def test_after_the_faults_the_answer_is_as_it_should_be():
    ordeal, _ = suffered(1)
    answer = Answer()
    assert ordeal(request("120"), answer) is answer
    assert ordeal.happened[-1] is None
    assert ordeal.deed == "the server sent all it has"


def test_a_fault_is_survived_when_the_client_came_again():
    ordeal, _ = suffered(1)
    assert ordeal.survived(1) == []
    assert ordeal.survived(12) == ordeal.happened[:11]
    assert ordeal.survived(14) == ordeal.happened


@pytest.mark.parametrize("seed", range(20))
def test_no_fault_comes_too_late_to_strike(seed):
    """Each leaves some of the feed to the next, whatever the sizes drawn."""
    ordeal = Ordeal(seed, 300)
    sent = 0
    for _ in range(12):
        step = ordeal(request(str(sent)), Answer(body=["x"] * (300 - sent)))
        if isinstance(step, Answer) and step.status == 200:
            size = len(list(step.body)) * 32 if step.end == "finish" else 0
            sent += (step.stop_after or size) // 32
    assert sent < 300


# ------------------------------------------------------------------------ the demo


def without_slowness(errors):
    """But for what asyncio's debug mode says on a busy machine."""
    return re.sub(r"(?m)^Executing <.*> took [\d.]+ seconds\n", "", errors)


@pytest.mark.timeout(120)  # twice what its two acts promise
def test_nothing_is_lost_on_either_face_and_it_shows_what_happened():
    words = [*COMMAND, "demo", "--seed", "7"]
    with ExitStack() as stack:
        children = [
            stack.enter_context(
                subprocess.Popen([*words, face], stdout=PIPE, stderr=PIPE, text=True)
            )
            for face in FACES
        ]
        for child in children:
            account, errors = child.communicate()
            assert (child.returncode, without_slowness(errors)) == (0, "")
            check_account(account)


def check_account(account):
    account, mark, second = account.partition("\nSecond act:")
    assert mark
    check_second_act(second)
    assert account.startswith("seed 7: 300 numbered events from http://127.0.0.1:")
    assert numbers(account) == {
        "events expected": "300",
        "received": "300",
        "lost": "0",
        "duplicated": "0",
        "out of order": "0",
        "not as sent": "0",
        "drops survived": "12",
    }
    assert account.endswith("PASSED: every event arrived once and in order.\n")
    for deed in DEEDS.values():
        assert account.count(f"dropped   {deed} (") >= 2
    lines = re.findall(r"^ +\d+\.\d\d s  (\w+)", account, re.MULTILINE)
    shown = Counter(lines)
    assert shown["waiting"] == shown["dropped"] + shown["ended"]
    assert shown["connected"] == shown["ended"] == shown["finished"] == 1
    assert shown["resumed"] >= 8


def check_second_act(account):
    found = numbers(account)
    assert found == {
        "events": "300",
        "rows": "300",
        "lost": "0",
        "twice": "0",
        "kills survived": str(account.count("killed    SIGKILL")),
    }
    assert int(found["kills survived"]) >= 1
    assert account.endswith("PASSED: the table has every event once and in order.\n")


def only_a_second_act(monkeypatch):
    """The demo, without the time that its first act takes."""
    feed = [(str(n), demo.DATA.format(n=n)) for n in range(1, 301)]
    monkeypatch.setattr(demo.Run, "consume", lambda *_: None)
    monkeypatch.setattr(demo.Run, "verdict", lambda _: Verdict.of(feed, feed))


def test_rows_that_are_missing_when_time_is_up_are_lost(monkeypatch):
    only_a_second_act(monkeypatch)
    result = run("--seconds", "0.3")
    assert result.exit_code == 1
    assert int(numbers(result.stdout.partition("Second act")[2])["lost"]) > 0
    assert result.stdout.endswith("FAILED: the table is not the feed.\n")


def test_ctrl_c_ends_the_second_act_too(monkeypatch):
    only_a_second_act(monkeypatch)

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(killing.Killing, "run", interrupt)
    result = run()
    assert result.exit_code == 130
    assert result.stderr == "interrupted after 0 kills\n"


def test_the_survivor_writes_each_event_once(tmp_path):
    path = str(tmp_path / "demo.db")
    with ScriptedServer(NumberedFeed(5, then="stop", retry=10)) as server:
        survivor.survive(server.url, path)
        survivor.survive(server.url, path)
    logging.disable(logging.NOTSET)
    assert killing.rows(path) == [(str(n), f"n{n}") for n in range(1, 6)]


@pytest.mark.parametrize("face", FACES)
def test_what_is_missing_when_time_is_up_is_lost(face):
    result = run("--seconds", "0.4", face)
    assert result.exit_code == 1
    found = numbers(result.stdout)
    assert int(found["lost"]) == 300 - int(found["received"]) > 0
    assert "finished  time is up" in result.stdout
    assert "FAILED: what arrived is not what was sent." in result.stdout
    assert re.match(r"seed \d+:", result.stdout)


def test_the_verdict_does_not_believe_what_it_is_not_sent(monkeypatch):
    monkeypatch.setattr(demo, "NumberedFeed", lambda *_, **__: broken_feed)
    result = run()
    assert result.exit_code == 1
    found = numbers(result.stdout)
    assert found["received"] == "5"
    assert found["duplicated"] == found["out of order"] == found["not as sent"] == "1"
    assert found["lost"] == "297"


def broken_feed(request):
    events = [
        f"id: {n}\ndata: {data}\n\n"
        for n, data in [
            (2, "event 2 of 300"),
            (2, "event 2 of 300"),
            (1, "event 1 of 300"),
            (4, "event 3 of 300"),
            (5, "event 5 of 300"),
        ]
    ]
    is_served = request.header("last-event-id")
    return Answer(204) if is_served else Answer(body=events)


@pytest.mark.parametrize("face", FACES)
def test_a_server_that_turns_the_client_away_fails_it(face, monkeypatch):
    monkeypatch.setattr(demo, "NumberedFeed", lambda *_, **__: lambda _: Answer(404))
    monkeypatch.setenv("http_proxy", "http://me:s3cret@no.proxy:bad")  # nor asked
    result = run(face)
    assert result.exit_code == 1
    assert "gave up: http://127.0.0.1" in result.stdout
    assert numbers(result.stdout)["lost"] == "300"


@pytest.mark.parametrize("face", FACES)
def test_ctrl_c_ends_it_with_status_130(face):
    # As in a job that a shell script started in the background.
    words = ["sh", "-c", "trap '' INT; exec \"$@\"", "-", *COMMAND, "demo", face]
    with subprocess.Popen(words, stdout=PIPE, stderr=PIPE, text=True) as child:
        assert "numbered events" in child.stdout.readline()
        assert child.stdout.readline()
        child.send_signal(signal.SIGINT)
        assert child.wait(10) == 130
        assert "finished" not in child.stdout.read()  # nor is the time up
        assert re.fullmatch(r"interrupted after \d+ events?\n", child.stderr.read())


def test_a_full_disk_is_said_in_one_line():
    words = [*COMMAND, "demo", "--seconds", "0.3"]
    with Path("/dev/full").open("wb") as full:
        ended = subprocess.run(words, stdout=full, stderr=PIPE, check=False)
    assert ended.returncode == 1
    reason = b"standard output cannot be written: No space left on device"
    assert ended.stderr == b"error: " + reason + b"\n"


@pytest.mark.parametrize("face", FACES)
def test_it_ends_quietly_when_nobody_reads_the_account(face):
    words = [*COMMAND, "demo", face]
    with subprocess.Popen(words, stdout=PIPE, stderr=PIPE, text=True) as child:
        assert "numbered events" in child.stdout.readline()
        child.stdout.close()
        assert child.wait(10) == 1
        assert without_slowness(child.stderr.read()) == ""


def test_seconds_beyond_its_promise_are_wrong_usage():
    assert run("--seconds", "31").exit_code == 2
    assert run("--seconds", "0").exit_code == 2
    assert "it is not a number" in run("--seconds", "nan").stderr
