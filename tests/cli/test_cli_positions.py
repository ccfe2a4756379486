"""``positions``, and ``tail --store``: what is kept, shown, set and forgotten."""

from __future__ import annotations

import re

import httpxr
import pytest
from click.testing import CliRunner

from reconnecting_sse import ReconnectingEventSource, stores
from reconnecting_sse.cli import commands, report
from reconnecting_sse.core.claims import Mark
from reconnecting_sse.testing import NumberedFeed, ScriptedServer
from tests.cli.invoking import APART, invoked


@pytest.fixture
def path(tmp_path):
    return tmp_path / "cursors.db"


@pytest.fixture
def url(path):
    return f"sqlite:///{path}"


@pytest.fixture
def store(path):
    store = stores.SqliteStore(path)
    yield store
    store.close()


def kept(store, name="prices", position="41"):
    claim = store.claim(name, None, "host:1")
    store.commit([(claim, Mark(1, position))])
    return claim


def follow(server, url, *words):
    return invoked("tail", "--store", url, "--name", "prices", *words, server.url)


def test_tail_goes_on_where_the_last_one_ended(url, store):
    with ScriptedServer(NumberedFeed(9, then="hang")) as server:
        first = follow(server, url, "-n", "2", "--json")
        second = follow(server, url, "-n", "2", "--json", "--lease", "10")
    assert first.exit_code == second.exit_code == 0
    assert re.findall(r'"id": "(\d)"', first.stdout) == ["1", "2"]
    assert re.findall(r'"id": "(\d)"', second.stdout) == ["3", "4"]
    assert store.places()[0].position == "4"


def test_whoever_follows_is_told_by_status_3(url, store, monkeypatch):
    claim = stores.SqliteStore.claim

    def overtaken(self, *words):
        found = claim(self, *words)
        store.put("prices", "1")
        return found

    monkeypatch.setattr(stores.SqliteStore, "claim", overtaken)
    with ScriptedServer(NumberedFeed(2, then="hang")) as server:
        found = follow(server, url)
    assert found.exit_code == 3
    assert "another process has taken over 'prices'" in found.stderr
    assert "--lease SECONDS" in found.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--store", "sqlite:///x.db"], "give --name NAME"),
        (["--name", "prices"], "go with --store URL"),
        (["--lease", "10"], "go with --store URL"),
        (["--store", "sqlite://x.db", "--name", "a"], "three slashes"),
        (["--store", "x.db", "--name", "a"], "is no URL of a store"),
        (["--store", "nosuch://x", "--name", "a"], "of a kind that nobody knows"),
        (["--store", "sqlite:///x.db", "--name", " "], "without blanks"),
    ],
)
def test_what_makes_no_store_is_wrong_usage(words, said):
    found = invoked("tail", *words, "http://feed.test/")
    assert found.exit_code == 2
    assert said in found.stderr.replace("\n", " ")


def test_a_store_that_cannot_be_used_is_an_error_in_one_line(tmp_path):
    url = f"sqlite:///{tmp_path}/no/such/folder.db"
    words = ["--store", url, "--name", "prices", "http://feed.test/"]
    for found in (invoked("tail", *words), invoked("positions", url)):
        assert found.exit_code == 1
        assert found.stderr.startswith("error: ")
        assert f"there is no folder {tmp_path}/no/such" in found.stderr


def test_positions_are_listed_with_their_ages_and_owners(url, store):
    kept(store)
    kept(store, "a\x1b[1m", "")
    store.claim("none", 60, "host:2")
    found = invoked("positions", url)
    assert found.exit_code == 0
    head, *rows = found.stdout.splitlines()
    assert head.split() == ["NAME", "POSITION", "AGE", "OWNER", "LEASE"]
    assert [row.split() for row in rows] == [
        [r"a\x1b[1m", '""', "0", "s", "host:1", "-"],
        ["none", "none", "-", "host:2", "60", "s"],
        ["prices", "41", "0", "s", "host:1", "-"],
    ]


def test_a_position_is_set_once_it_is_confirmed(url, store):
    claim = kept(store)
    found = invoked_with("n\n", "positions", url, "--set", "prices", "7")
    assert found.exit_code == 1
    assert "held by host:1, is 41: set it to 7?" in found.stderr
    assert store.places()[0].position == "41"
    assert invoked_with("y\n", "positions", url, "--set", "prices", "7").exit_code == 0
    assert store.places()[0].position == "7"
    assert store.commit([(claim, Mark(2, "42"))]) == [claim]


def invoked_with(text, *words):
    return CliRunner(**APART).invoke(commands, words, input=text)


def test_a_position_is_forgotten_without_asking_where_that_is_said(url, store):
    kept(store)
    assert invoked("positions", url, "--forget", "prices", "--yes").exit_code == 0
    assert store.places()[0].position is None
    assert store.places()[0].token == 2


def test_what_is_not_there_cannot_be_forgotten_but_set(url, store):
    store.places()
    found = invoked("positions", url, "--forget", "prices", "-y")
    assert found.exit_code == 1
    assert "there is no 'prices'" in found.stderr
    assert invoked("positions", url, "--set", "prices", "7", "-y").exit_code == 0
    assert store.claim("prices", None, "me").position == "7"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--set", "a", "1", "--forget", "a"], "do not go together"),
        (["--set", "a", "1\n2"], "which no event stream's ID can have"),
    ],
)
def test_what_cannot_be_meant_is_wrong_usage(url, words, said):
    found = invoked("positions", url, *words)
    assert found.exit_code == 2
    assert said in found.stderr.replace("\n", " ")


def test_a_source_can_go_on_from_what_was_set(url, store):
    invoked("positions", url, "--set", "prices", "7", "-y")
    with (
        ScriptedServer(NumberedFeed(9, then="hang")) as server,
        ReconnectingEventSource(
            httpxr.Client(), "GET", server.url, store=store, name="prices"
        ) as source,
    ):
        assert next(iter(source)).id == "8"


@pytest.mark.parametrize(
    ("facts", "line"),
    [
        (
            {"event": "store.standby", "owner": "host:1"},
            "standing by: host:1 holds 'a'",
        ),
        ({"event": "store.claimed", "advice": "take care"}, "warning: 'a': take care"),
        ({"event": "store.paused", "error": "gone"}, "waiting for the store: gone"),
        ({"event": "store.resumed"}, "the store is there again"),
        ({"event": "store.claimed"}, None),
    ],
)
def test_what_happens_to_the_store_is_one_line(facts, line, capsys):
    report.attempts_only().info(durable_name="a", **facts)
    said = capsys.readouterr().err
    assert (said == "") if line is None else said.endswith(f" {line}\n")
