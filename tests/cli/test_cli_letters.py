"""``dead-letters``: listed, shown, replayed and dropped."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from reconnecting_sse import DeadLetter, stores
from reconnecting_sse.cli import commands
from reconnecting_sse.core.claims import Beside, Mark
from tests.cli.invoking import APART, invoked

URL = "sqlite:///worker.db"


def letter(name, position, ordinal=0, **more):
    values = {"name": name, "key": f"{ordinal}:{position}", "position": position}
    values |= {"event": "price", "data": "é\x1b", "id": position, "attempts": 5}
    return DeadLetter(**values | {"reason": "ValueError: no", **more})


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = stores.SqliteStore("worker.db")
    letters = {
        "prices": [letter("prices", "7"), letter("prices", "7", 1)],
        "audit": [letter("audit", "", reason="x" * 100)],
    }
    for name, buried in letters.items():
        claim = made.claim(name, None, "me")
        made.commit([(claim, Mark(0, None, Beside(buried=tuple(buried))))])
    yield made
    made.close()


def run(what, *words):
    return invoked("dead-letters", what, URL, *words)


def test_they_are_listed_oldest_first(store):
    result = run("list")
    lines = [line.split() for line in result.stdout.splitlines()]
    assert lines[0] == ["NAME", "POSITION", "KEY", "AGE", "ATTEMPTS", "REASON"]
    found = [line[:3] for line in lines[1:]]
    assert found == [
        ["prices", "7", "0:7"],
        ["prices", "7", "1:7"],
        ["audit", '""', "0:"],
    ]
    assert lines[1][-2:] == ["ValueError:", "no"]


def test_those_of_a_name_and_a_position_are(store):
    assert len(run("list", "prices").stdout.splitlines()) == 3
    assert len(run("list", "prices", "7").stdout.splitlines()) == 3
    assert len(run("list", "prices", "1:7").stdout.splitlines()) == 2


def test_they_are_shown_whole(store):
    (line,) = run("show", "prices", "1:7").stdout.splitlines()
    found = json.loads(line)
    assert found["data"] == "é\x1b"
    assert found["key"] == "1:7"
    assert "\x1b" not in line


def test_a_replay_is_ordered(store):
    result = run("replay", "prices", "7")
    assert (result.exit_code, result.stderr) == (0, "2 dead letters to be replayed\n")
    assert [one.is_replayed for one in store.letters("prices")] == [True, True]
    assert "(to be replayed)" in run("list", "prices").stdout
    assert run("replay").stderr == "3 dead letters to be replayed\n"


def test_they_are_dropped_once_that_is_confirmed(store):
    refused = CliRunner(**APART).invoke(
        commands, ["dead-letters", "drop", URL, "prices"], input="n\n"
    )
    assert refused.exit_code == 1
    assert "Delete 2 dead letters for good?" in refused.stderr
    assert len(store.letters()) == 3
    result = run("drop", "prices", "0:7", "--yes")
    assert (result.exit_code, result.stderr) == (0, "1 dead letter deleted\n")
    assert len(store.letters()) == 2


@pytest.mark.parametrize("what", ["list", "show", "replay", "drop"])
def test_that_there_are_none_is_said(store, what):
    result = run(what, "others")
    assert (result.exit_code, result.stderr) == (0, "there are no dead letters\n")
    result = run(what, "prices", "99")
    assert result.exit_code == 1
    assert result.stderr == "error: there is no such dead letter\n"


@pytest.mark.parametrize("what", ["list", "show", "replay", "drop"])
def test_a_store_that_cannot_be_used_is_said(tmp_path, monkeypatch, what):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "worker.db").write_bytes(b"no database at all" * 100)
    result = run(what)
    assert result.exit_code == 1
    assert result.stderr.startswith("error: ")
