"""``work``: a handler over a feed, without a line of code around it."""

from __future__ import annotations

import json
import os
import pty
import signal
import socket
import subprocess
import sys
from itertools import count
from subprocess import PIPE

import pytest

from reconnecting_sse import ClaimLost, DrainTimeout, Health, State, stores
from reconnecting_sse.cli import commands, named, progress, report, work
from reconnecting_sse.testing import Answer, NumberedFeed, ScriptedServer
from tests.cli.invoking import invoked

COMMAND = [sys.executable, "-m", "reconnecting_sse"]
HANDLERS = """
import os
import signal
import time
from reconnecting_sse import Reject

seen = []


def plain(event):
    seen.append(event.id)


async def coroutine(event):
    seen.append(event.id)


def batched(events):
    seen.extend(event.id for event in events)


def written(event, connection):
    connection.execute("CREATE TABLE IF NOT EXISTS effects (id TEXT)")
    connection.execute("INSERT INTO effects VALUES (?)", [event.id])


def refusing(event):
    if event.id == "2":
        raise Reject("no use")
    seen.append(event.id)


def failing(event):
    raise ValueError("no")


def deadly(event):
    if event.id == "3":
        os.kill(os.getpid(), signal.SIGKILL)
    print(event.id, flush=True)


def slow(event):
    print("begun", flush=True)
    time.sleep(60)


async def stubborn(event):
    import asyncio
    print("begun", flush=True)
    while True:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            pass


def printing(event):
    print(event.id, flush=True)


def key(event):
    return event.id


def on_gap(gap):
    return None


class Handler:
    async def __call__(self, event):
        seen.append(event.id)


handler = Handler()
nothing = 7
"""
_numbers = count()


@pytest.fixture
def module(tmp_path, monkeypatch):
    name = f"handlers_of_test_{os.getpid()}_{next(_numbers)}"
    (tmp_path / f"{name}.py").write_text(HANDLERS)
    monkeypatch.chdir(tmp_path)
    before = list(sys.path)
    yield name
    sys.path[:] = before
    sys.modules.pop(name, None)


@pytest.fixture
def server():
    with ScriptedServer(NumberedFeed(5, retry=10, then="stop")) as made:
        yield made


def run(server, handler, *words):
    given = ("--store", "sqlite:///worker.db", "--name", "prices")
    return invoked("work", server.url, handler, *given, *words)


def seen(module):
    return sys.modules[module].seen


def store():
    return stores.SqliteStore("worker.db")


@pytest.mark.parametrize("name", ["plain", "coroutine", "handler"])
def test_a_function_is_called_with_each_event(module, server, name):
    result = run(server, f"{module}:{name}")
    assert (result.exit_code, result.stdout) == (0, "")
    assert seen(module) == ["1", "2", "3", "4", "5"]
    assert store().places()[0].position == "5"


def test_its_log_is_json_where_nobody_reads_it(module, server):
    lines = run(server, f"{module}:refusing").stderr.splitlines()
    facts = [json.loads(line) for line in lines]
    names = [fact["event"] for fact in facts]
    assert {"store.claimed", "stream.open", "worker.dead_letter"} <= set(names)
    assert "stream.connecting" not in names
    assert all(fact["timestamp"].endswith("Z") for fact in facts)
    lines = run(server, f"{module}:plain", "-v").stderr.splitlines()
    assert "stream.connecting" in [json.loads(line)["event"] for line in lines]


def test_its_log_can_be_text(module, server):
    result = run(server, f"{module}:refusing", "--log", "text")
    assert "warning: 0:2 is a dead letter: Reject" in result.stderr
    result = run(server, f"{module}:plain", "--log", "text", "-v")
    assert "event='store.claimed'" in result.stderr


def test_all_that_a_worker_can_be_told_it_can_be(module, server):
    words = ("--batch", "3", "--concurrency", "2", "--key", f"{module}:key")
    words += ("--window", "9", "--max-deliveries", "2", "--deduplicate", "5")
    words += ("--on-gap", f"{module}:on_gap", "--drain-timeout", "5", "--lease", "10")
    words += ("--stalled-after", "60", "--probes", "127.0.0.1:0", "--no-dead-letters")
    assert run(server, f"{module}:batched", *words).exit_code == 0
    assert sorted(seen(module)) == ["1", "2", "3", "4", "5"]


def test_it_needs_no_opentelemetry(module, server, monkeypatch):
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    name = "reconnecting_sse.workers.telemetry"
    monkeypatch.delitem(sys.modules, name, raising=False)
    assert run(server, f"{module}:plain").exit_code == 0


def test_effects_and_positions_can_be_one(module, server):
    assert run(server, f"{module}:written", "--transactional").exit_code == 0
    transaction = store().begin(store().claim("other", None, "me"))
    rows = transaction.connection.execute("SELECT id FROM effects").fetchall()
    assert [row for (row,) in rows] == ["1", "2", "3", "4", "5"]


@pytest.mark.parametrize(
    "case",
    [
        ("plain", (), "'plain' names no function: write it as package.module:function"),
        ("nowhere:x", (), "there is no module 'nowhere' here, nor installed"),
        ("{}:gone", (), "there is no 'gone' in '{}'"),
        ("{}:nothing", (), "'{}:nothing' is no function: it is 7"),
        ("broken:x", (), "'broken' cannot be imported: ZeroDivisionError"),
        (
            "importing:x",
            (),
            "there is no module 'gone_module' that 'importing' imports",
        ),
        ("{}:plain", ("--key", "x"), "Invalid value for '--key': 'x' names no"),
        ("{}:plain", ("--on-gap", "x"), "Invalid value for '--on-gap'"),
        ("{}:plain", ("--probes", "x"), "such as 127.0.0.1:8080"),
    ],
)
def test_mistakes_are_told_before_anything_is_connected(module, server, case, tmp_path):
    handler, words, message = case
    (tmp_path / "broken.py").write_text("1 / 0\n")
    (tmp_path / "importing.py").write_text("import gone_module\n")
    result = run(server, handler.format(module), *words)
    assert result.exit_code == 2
    assert message.format(module) in result.stderr
    assert server.requests == []


def test_a_port_that_is_taken_is_told_in_one_line(module, server):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        result = run(server, f"{module}:plain", "--probes", address)
    assert result.exit_code == 1
    message = f"error: probes cannot listen on {address}: Address already in use\n"
    assert result.stderr == message
    assert server.requests == []


@pytest.mark.parametrize("words", [(), ("--name", "x"), ("--store", "sqlite:///x.db")])
def test_a_store_and_a_name_are_needed(module, server, words):
    result = invoked("work", server.url, f"{module}:plain", *words)
    assert result.exit_code == 2
    assert "--store" in result.stderr
    assert "--name" in result.stderr


def test_what_cannot_be_handled_ends_it_where_that_is_wanted(module, server):
    handler = f"{module}:refusing"
    result = run(server, handler, "--no-dead-letters")
    assert result.exit_code == 1
    assert "error: the event '0:2' of 'prices' could not be handled" in result.stderr
    assert store().places()[0].position == "1"


def test_a_feed_that_is_not_there_ends_it(module):
    with ScriptedServer([Answer(404, body="nothing here")]) as server:
        result = run(server, f"{module}:coroutine")
    assert result.exit_code == 1
    assert "404" in result.stderr
    assert "It said: nothing here" in result.stderr


def test_another_owner_is_told_by_status_3(module, server, monkeypatch):
    def lost(*_):
        raise ClaimLost("another process has taken over")

    monkeypatch.setattr(work, "_working", lost)
    assert run(server, f"{module}:plain").exit_code == 3


def test_what_does_not_end_in_time_ends_the_process(module, server, monkeypatch):
    def late(*_):
        raise DrainTimeout("handlers did not end")

    ended = []
    monkeypatch.setattr(work, "_working", late)
    monkeypatch.setattr(work, "leave", ended.append)
    run(server, f"{module}:plain")
    assert ended == [4]


# ---------------------------------------------------------------- as a process


class Child:
    """The real program in a process of its own."""

    def __init__(self, server, handler, *words, stderr=PIPE):
        given = ("--store", "sqlite:///worker.db", "--name", "prices", *words)
        self.process = subprocess.Popen(
            [*COMMAND, "work", server.url, handler, *given], stdout=PIPE, stderr=stderr
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()

    def line(self):
        return self.process.stdout.readline().decode().strip()

    def end(self):
        return self.process.wait(20)


@pytest.fixture
def endless():
    with ScriptedServer(NumberedFeed(5, retry=10, then="hang")) as made:
        yield made


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_can_be_stopped_at_any_time(module, endless, number):
    with Child(endless, f"{module}:printing") as child:
        assert [child.line() for _ in range(5)] == ["1", "2", "3", "4", "5"]
        child.process.send_signal(number)
        assert child.end() == 0
    (place,) = store().places()
    assert (place.position, place.owner) == ("5", "")


@pytest.mark.parametrize("name", ["slow", "stubborn"])
def test_a_handler_that_does_not_end_cannot_hold_up_the_exit(module, endless, name):
    words = ("--drain-timeout", "0.1", "--lease", "30")
    with Child(endless, f"{module}:{name}", *words) as child:
        assert child.line() == "begun"
        child.process.send_signal(signal.SIGTERM)
        assert child.end() == 4
        assert b"did not end within 0.1 s" in child.process.stderr.read()
    assert store().places()[0].owner


def test_what_kills_it_is_put_aside_and_can_be_replayed(module, endless):
    printed = []
    while True:
        with Child(endless, f"{module}:deadly", "--max-deliveries", "2") as child:
            while line := child.line():
                printed.append(line)
                if line == "5":
                    child.process.send_signal(signal.SIGTERM)
            if child.end() == 0:
                break
            assert len(printed) < 20
    assert [letter.id for letter in store().letters()] == ["3"]
    assert invoked("dead-letters", "replay", "sqlite:///worker.db").exit_code == 0
    with Child(endless, f"{module}:printing") as child:
        assert child.line() == "3"
        child.process.send_signal(signal.SIGTERM)
        assert child.end() == 0
    assert store().letters() == []


def test_on_a_terminal_one_line_shows_how_it_is_doing(module, endless):
    ours, theirs = pty.openpty()
    try:
        with Child(endless, f"{module}:printing", stderr=theirs) as child:
            shown = b""
            while b"at 5" not in shown:
                shown += os.read(ours, 1000)
            child.process.send_signal(signal.SIGTERM)
            assert child.end() == 0
    finally:
        os.close(ours)
        os.close(theirs)
    assert "\r\x1b[Kopen · " in shown.decode()
    assert "events/s · at 5" in shown.decode()


# ---------------------------------------------------------------- what is shown


def test_the_line_says_what_matters():
    health = Health(
        name="prices",
        state=State.OPEN,
        position="41",
        position_age=12.4,
        uncommitted=1234,
        dead_letters=2,
        oldest_in_hand=300.0,
    )
    assert progress.line_of(health, 5678.9) == (
        "open · 5,679 events/s · at 41 12 s ago · 1,234 uncommitted · 2 dead letters"
        " · an event is being handled for 300 s"
    )
    assert progress.line_of(Health(), 0.0) == (
        "connecting · 0 events/s · at - · 0 uncommitted"
    )


def test_it_is_not_longer_than_the_terminal_is_wide(monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    assert progress.fitted("x" * 100) == "x" * 19


def test_lines_of_the_log_come_above_it(capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    report.say_above("a fact")
    assert capsys.readouterr().err == "\r\x1b[Ka fact\n"


def test_facts_without_news_for_an_operator_are_left_out(capsys):
    logger = report.facts()
    about = {"durable_name": "prices", "url": "http://feed.test/"}
    logger.info("worker.drained", left=0, **about)
    logger.info("worker.filled", position="7", events=3, **about)
    assert "the gap is filled, events: 3" in capsys.readouterr().err


def test_a_module_is_found_where_one_stands(module):
    before = list(sys.path)
    assert named.function_named(f"{module}:plain").__name__ == "plain"
    assert named.function_named("json:loads") is json.loads
    assert sys.path == ["", *before] or "" in before
    assert "work" in commands.commands
