"""``fleet``: a file of feeds, served by whoever runs the command."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from contextlib import contextmanager
from subprocess import PIPE

import pytest

from reconnecting_sse import stores
from reconnecting_sse.cli import fleet, running
from reconnecting_sse.core.errors import DrainTimeout, StoreRefused
from reconnecting_sse.testing import Answer, NumberedFeed, ScriptedServer
from tests.cli.invoking import invoked

COMMAND = [sys.executable, "-m", "reconnecting_sse", "fleet", "FEEDS.toml"]
HANDLERS = """
import asyncio

async def show(event):
    print(event.id, event.data, flush=True)

async def stubborn(event):
    print("begun", flush=True)
    while True:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            pass
"""
STORE = "sqlite:///fleet.db"


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    (tmp_path / "fleet_handlers.py").write_text(HANDLERS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend("")


@pytest.fixture
def server():
    with ScriptedServer(NumberedFeed(3, retry=10, then="hang")) as made:
        yield made


def write(tmp_path, *feeds, handler="show", fleet="lease = 1.5"):
    lines = [f"[fleet]\n{fleet}\n[defaults]\nhandler = 'fleet_handlers:{handler}'\n"]
    lines += [
        f"[[feed]]\nname = '{name}'\nurl = '{url}'\n{x}" for name, url, x in feeds
    ]
    (tmp_path / "FEEDS.toml").write_text("".join(lines))


def environment(**more):
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path[1:]), **more}


@contextmanager
def process(*words, **more):
    child = subprocess.Popen(
        [*COMMAND, "--store", STORE, *words],
        stdout=PIPE,
        stderr=PIPE,
        text=True,
        env=environment(**more),
    )
    with child:
        try:
            yield child
        finally:
            child.kill()


def lines(child, count):
    return [child.stdout.readline().rstrip("\n") for _ in range(count)]


# ------------------------------------------------------------------ what it refuses


def test_all_mistakes_in_the_file_are_told_with_status_2(tmp_path):
    write(tmp_path, ("a", "ftp://a/", "hedders = 1\n"), ("a", "http://a/", ""))
    result = invoked("fleet", "FEEDS.toml", "--store", STORE)
    assert result.exit_code == 2
    assert result.stderr.endswith(
        """Error: Invalid value for 'FILE': there are mistakes in it:
  line 7: feed 'a': url: its scheme is not http or https
  line 8: feed 'a' has an unknown key 'hedders'; did you mean 'headers'?
  line 10: feed 'a' is in line 6 already
"""
    )


def test_what_does_not_go_together_is_a_mistake_of_its_feed(tmp_path, monkeypatch):
    def refused(source, handler, *, telemetry, batch=None):
        raise ValueError(f"no batch= of {batch}")

    monkeypatch.setattr(fleet, "SubscriptionWorker", refused)
    write(tmp_path, ("a", "http://a/", "batch = 1\n"), ("b", "http://b/", "batch = 2"))
    result = invoked("fleet", "FEEDS.toml", "--store", STORE)
    assert result.exit_code == 2
    assert re.findall(r"\n  (line .+)", result.stderr) == [
        "line 5: feed 'a': no batch= of 1",
        "line 9: feed 'b': no batch= of 2",
    ]


def test_a_file_that_is_not_there_is_a_wrong_word():
    result = invoked("fleet", "FEEDS.toml", "--store", STORE)
    assert result.exit_code == 2
    assert "'FILE': it cannot be read: No such file" in result.stderr


def test_a_store_is_needed(tmp_path):
    write(tmp_path, ("a", "http://a/", ""))
    result = invoked("fleet", "FEEDS.toml")
    assert result.exit_code == 2
    assert "--store" in result.stderr


def test_probes_that_are_no_address_are_a_wrong_word(tmp_path):
    write(tmp_path, ("a", "http://a/", ""))
    words = ("--store", STORE, "--probes", "nowhere")
    assert invoked("fleet", "FEEDS.toml", *words).exit_code == 2


def test_probes_where_somebody_listens_are_an_error(tmp_path, server):
    write(tmp_path, ("a", "http://a/", ""))
    address = server.url.removeprefix("http://")
    result = invoked("fleet", "FEEDS.toml", "--store", STORE, "--probes", address)
    assert result.exit_code == 1
    assert f"probes cannot listen on {address}" in result.stderr


def test_a_store_that_cannot_be_used_is_an_error(tmp_path, monkeypatch):
    def refuse(*_):
        raise StoreRefused("another schema")

    monkeypatch.setattr(stores.SqliteStore, "beat", refuse)
    write(tmp_path, ("a", "http://a/", ""))
    result = invoked("fleet", "FEEDS.toml", "--store", STORE)
    assert result.exit_code == 1
    assert "error: another schema\n" in result.stderr


# ------------------------------------------------------------------ what it does


def test_every_feed_is_handled_and_its_position_is_kept(tmp_path, server):
    write(
        tmp_path,
        ("prices", server.url, ""),
        ("orders", server.url, "[feed.headers]\nAuthorization = 'Bearer ${TOKEN}'\n"),
    )
    with process("--log", "text", TOKEN="s3cret") as child:
        assert sorted(lines(child, 6)) == sorted([f"{n} n{n}" for n in "123"] * 2)
        child.send_signal(signal.SIGTERM)
        _, told = child.communicate()
        assert child.returncode == 0
    sent = {request.header("authorization") for request in server.requests}
    assert sent == {None, "Bearer s3cret"}
    assert "s3cret" not in told
    kept = {
        p.name: (p.position, p.owner) for p in stores.SqliteStore("fleet.db").places()
    }
    assert kept == {"prices": ("3", ""), "orders": ("3", "")}
    plain = re.sub(r"^\d\d:\d\d:\d\d ", "", told, flags=re.MULTILINE)
    assert re.search(r"^\S+:\d+ joins the fleet of 2 feeds$", plain, re.MULTILINE)
    assert "members of the fleet: 1\n" in plain
    assert "prices: taking it\n" in plain
    assert "prices: stopping, events to be finished: 0\n" in plain
    assert "left the fleet\n" in plain


def test_the_command_lines_words_go_before_the_files(tmp_path, server):
    feeds = [(name, server.url, "") for name in "abc"]
    write(tmp_path, *feeds, fleet="max_feeds = 3\nlease = 600")
    with process("--log", "json", "--max-feeds", "2", "--lease", "1.5", "-v") as child:
        seen = ""
        while "fleet.unserved" not in seen:
            seen = child.stderr.readline()
        assert '"feeds": 1' in seen
        lines(child, 6)
        child.terminate()
        _, told = child.communicate()
    assert child.returncode == 0
    assert '"feed": "a"' in told or '"feed": "b"' in told


def test_a_feed_whose_server_refuses_ends_no_other(tmp_path, server):
    with ScriptedServer(lambda _: Answer(404)) as other:
        write(tmp_path, ("gone", other.url, ""), ("there", server.url, ""))
        with process("--log", "text") as child:
            assert lines(child, 3) == [f"{n} n{n}" for n in "123"]
            child.terminate()
            _, told = child.communicate()
    assert child.returncode == 0
    assert re.search(r" gone: warning: .+ 404.+ \[begun again in \d+ s\]", told)


def test_a_handler_that_does_not_end_is_left_with_status_4(tmp_path, server):
    feed = ("prices", server.url, "drain_timeout = 0.1\n")
    write(tmp_path, feed, handler="stubborn")
    with process("--log", "text") as child:
        assert lines(child, 1) == ["begun"]
        child.terminate()
        _, told = child.communicate()
    assert child.returncode == 4
    assert "error: handlers of 'prices' did not end within 0.1 s" in told


def test_the_process_is_left_whatever_runs_still(tmp_path, monkeypatch):
    async def late(self):
        raise ExceptionGroup("late", [DrainTimeout("too late")])

    ended = []
    monkeypatch.setattr(fleet.Fleet, "arun", late)
    monkeypatch.setattr(fleet, "leave", ended.append)
    write(tmp_path, ("a", "http://a/", ""))
    result = invoked("fleet", "FEEDS.toml", "--store", STORE)
    assert ended == [running.LATE]
    assert result.exit_code == 1  # had it not been left
    assert "error: too late" in result.stderr
