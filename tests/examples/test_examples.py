"""The examples run: each as it would be run elsewhere."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from contextlib import closing, contextmanager
from pathlib import Path
from subprocess import PIPE

import pytest
import yaml

from reconnecting_sse.stores import SqliteStore
from reconnecting_sse.testing import Answer, NumberedFeed, ScriptedServer
from tests.workers.making import until

pytestmark = pytest.mark.endurance

EXAMPLES = Path(__file__).parents[2] / "examples"
BIN = Path(sys.executable).parent


@pytest.fixture
def feed():
    numbered = NumberedFeed(5, retry=10, then="hang", data='{"price": {n}}')
    with ScriptedServer(numbered) as server:
        yield server


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The examples, in a folder where they may write."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(EXAMPLES, tmp_path, dirs_exist_ok=True)
    return tmp_path


@contextmanager
def running(*command, **variables):
    environment = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", **variables}
    child = subprocess.Popen(command, stdout=PIPE, stderr=PIPE, env=environment)
    try:
        yield child
    finally:
        child.kill()
        child.communicate()


def lines(child, count):
    return [child.stdout.readline().decode().strip() for _ in range(count)]


def free_port():
    with closing(socket.socket()) as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def fetched(url):
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except (urllib.error.URLError, ConnectionError):
        return None, ""


def test_the_handlers_are_for_the_command_line(feed, folder):
    store = ("--store", "sqlite:///worker.db", "--name")
    command = ("reconnecting-sse", "work", feed.url)
    with running(*command, "prices:handle", *store, "a") as child:
        assert lines(child, 5) == [f"{n} {n}.0" for n in range(1, 6)]
        child.send_signal(signal.SIGTERM)
        assert child.wait(20) == 0
    with running(*command, "prices:store", *store, "b", "--transactional") as child:
        until(lambda: "5" in [place.position for place in _places("worker.db", "b")])
        child.send_signal(signal.SIGTERM)
        assert child.wait(20) == 0


def _places(path, name):
    return [place for place in SqliteStore(path).places() if place.name == name]


def test_a_price_that_is_none_is_a_dead_letter(folder):
    answers = [Answer(body="id: 1\ndata: {}\n\nid: 2\ndata: x\n\n"), Answer(204)]
    with (
        ScriptedServer(answers) as server,
        running(
            *("reconnecting-sse", "work", server.url, "prices:handle"),
            *("--store", "sqlite:///worker.db", "--name", "a"),
        ) as child,
    ):
        assert child.wait(20) == 0
    reasons = {letter.reason for letter in SqliteStore("worker.db").letters()}
    assert reasons == {"Reject: there is no price in it"}


def test_under_systemd_it_says_when_it_is_ready_and_that_it_lives(feed, folder):
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as unit:
        unit.bind("notify")
        unit.settimeout(20)
        variables = {"NOTIFY_SOCKET": "notify", "WATCHDOG_USEC": "40000"}
        command = (sys.executable, "systemd/worker.py", feed.url)
        with running(*command, **variables) as child:
            told = [unit.recv(100), unit.recv(100), unit.recv(100)]
            assert told == [b"READY=1", b"WATCHDOG=1", b"WATCHDOG=1"]
            assert lines(child, 1) == ['1 {"price": 1}']
            child.send_signal(signal.SIGTERM)
            while unit.recv(100) != b"STOPPING=1":
                pass
            assert child.wait(20) == 0


def test_without_systemd_it_says_nothing(feed, folder):
    command = (sys.executable, "systemd/worker.py", feed.url)
    with running(*command, NOTIFY_SOCKET="") as child:
        assert lines(child, 1) == ['1 {"price": 1}']
        child.send_signal(signal.SIGTERM)
        assert child.wait(20) == 0


def test_its_unit_names_what_is_there():
    unit = (EXAMPLES / "systemd" / "prices.service").read_text("utf-8")
    assert re.search(r"^Type=notify$", unit, re.MULTILINE)
    assert re.search(r"^WatchdogSec=30$", unit, re.MULTILINE)
    assert "/worker.py " in unit
    stop = int(re.search(r"^TimeoutStopSec=(\d+)$", unit, re.MULTILINE)[1])
    assert stop > 20  # the worker's drain_timeout


def container():
    text = (EXAMPLES / "kubernetes" / "deployment.yaml").read_text("utf-8")
    deployment = yaml.safe_load(text)
    assert deployment["spec"]["replicas"] == 2
    return deployment["spec"]["template"]["spec"]


def filled(command, port, **variables):
    """As the kubelet does it, but for the port."""
    text = json.dumps(command).replace(":8080", f"127.0.0.1:{port}")
    for name, value in variables.items():
        text = text.replace(f"$({name})", value)
    return json.loads(text)


def test_the_containers_command_and_probes(feed, folder):
    """Two replicas: both are ready, one works; it is stopped, and the other goes on."""
    (found,) = container()["containers"]
    ports = [free_port(), free_port()]
    given = {"FEED_URL": feed.url, "STORE_URL": "sqlite:///prices.db"}
    live = found["livenessProbe"]["httpGet"]["path"]
    ready = found["readinessProbe"]["httpGet"]["path"]
    first_command, second_command = (
        filled(found["command"], p, **given) for p in ports
    )
    with running(*first_command) as first:
        assert lines(first, 5)[-1] == "5 5.0"
        with running(*second_command) as second:
            for port in ports:
                until(lambda p=port: fetched(f"http://127.0.0.1:{p}{ready}")[0] == 200)
                assert fetched(f"http://127.0.0.1:{port}{live}")[0] == 200
            metrics = fetched(f"http://127.0.0.1:{ports[1]}/metrics")[1]
            assert 'sse_worker_owner{name="prices"} 0.0' in metrics
            stopping = found["lifecycle"]["preStop"]["exec"]["command"]
            assert subprocess.run(stopping, check=True).returncode == 0
            first.send_signal(signal.SIGTERM)
            assert first.wait(20) == 0
            owned = 'sse_worker_owner{name="prices"} 1.0'
            until(lambda: owned in fetched(f"http://127.0.0.1:{ports[1]}/metrics")[1])
            second.send_signal(signal.SIGTERM)
            assert second.wait(20) == 0
    assert _places("prices.db", "prices")[0].owner == ""


def test_its_grace_is_longer_than_a_drain():
    assert container()["terminationGracePeriodSeconds"] > 20 + 1


DJANGO = """
import sys
import django
from django.conf import settings
from django.core.management import call_command

DATABASE = {"ENGINE": "django.db.backends.sqlite3", "NAME": "django.db"}
settings.configure(DATABASES={"default": DATABASE})
django.setup()

from django.db import connection
with connection.cursor() as cursor:
    cursor.execute("CREATE TABLE prices (id TEXT, price TEXT)")
connection.close()

from django_command import Command
call_command(Command(), sys.argv[1])
with connection.cursor() as cursor:
    cursor.execute("SELECT id FROM prices ORDER BY id")
    print([id_ for (id_,) in cursor.fetchall()])
"""


def test_a_management_command_of_djangos(feed, folder):
    (folder / "run.py").write_text(DJANGO)
    with running(sys.executable, "run.py", feed.url) as child:
        path = "prices-positions.db"
        until(Path(path).exists)
        until(lambda: [p.position for p in _places(path, "prices")] == ["5"])
        child.send_signal(signal.SIGTERM)
        assert lines(child, 2) == ["stopped", "['1', '2', '3', '4', '5']"]
        assert child.wait(20) == 0


def test_an_application_with_two_processes(feed, folder):
    port = free_port()
    command = (sys.executable, "-m", "uvicorn", "fastapi_app:app", "--workers", "2")
    with running(*command, "--port", str(port), FEED_URL=feed.url) as child:
        assert sorted(lines(child, 5)) == [f"handled {n}" for n in range(1, 6)]
        until(lambda: fetched(f"http://127.0.0.1:{port}/health")[0] == 200)
        child.send_signal(signal.SIGTERM)
        assert child.wait(20) in (0, -signal.SIGTERM)
    (place,) = _places("prices.db", "prices")
    assert (place.position, place.owner) == ("5", "")
