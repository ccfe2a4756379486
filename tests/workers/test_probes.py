"""Probes over HTTP: who lives, who is ready, and the metrics."""

from __future__ import annotations

import http.client
import re
import shutil
import socket
import subprocess
import sys
import textwrap
from contextlib import closing, contextmanager, suppress

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from reconnecting_sse import Health, State
from reconnecting_sse.stores import MemoryStore
from reconnecting_sse.testing import NumberedFeed, ScriptedServer
from reconnecting_sse.workers import probes
from reconnecting_sse.workers.addresses import CannotListen, parsed
from reconnecting_sse.workers.metrics import HealthCollector
from reconnecting_sse.workers.probes import Probes
from tests.documents import ROOT
from tests.workers.making import FACES, Running, until, worker_of

WELL = Health(
    name="prices",
    state=State.OPEN,
    is_owner=True,
    events=7,
    uncommitted=2,
    position_age=1.5,
    reconnects={"StreamEnded": 3, "StreamInterrupted": 1},
    dead_letters=1,
    last_byte_age=0.25,
)
ILL = Health(name="audit", state=State.OPEN, oldest_in_hand=300.0)


def ask(port, path, *, method="GET", host="127.0.0.1"):
    with closing(http.client.HTTPConnection(host, port, timeout=10)) as connection:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode(), answer.headers


@contextmanager
def serving(*healths, address="127.0.0.1:0"):
    with Probes(address, lambda: list(healths)) as made:
        yield made.port


@pytest.mark.parametrize("path", ["/live", "/ready", "/live?verbose"])
def test_all_is_well(path):
    with serving(WELL) as port:
        status, body, headers = ask(port, path)
    assert (status, body) == (200, '{"ok": true, "why": {}}\n')
    assert headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", ["/live", "/ready"])
def test_who_is_not_is_named_with_the_reason(path):
    with serving(WELL, ILL) as port:
        status, body, _ = ask(port, path)
    assert status == 503
    assert body == (
        '{"ok": false, "why": {"audit": "an event is being handled for 300 s"}}\n'
    )


def test_a_worker_that_is_not_ready_lives():
    with serving(Health(name="x", state=State.WAITING, not_open_for=61.0)) as port:
        assert ask(port, "/live")[0] == 200
        status, body, _ = ask(port, "/ready")
    assert status == 503
    assert "no stream is open for 61 s" in body


def test_a_head_has_no_body():
    with serving(WELL) as port:
        status, body, headers = ask(port, "/live", method="HEAD")
    assert (status, body) == (200, "")
    assert int(headers["Content-Length"]) > 0


def test_what_there_is_is_said_where_something_else_is_asked_for(capfd):
    with serving(WELL) as port:
        assert ask(port, "/")[:2] == (
            404,
            "there are /live, /ready and /metrics here\n",
        )
        assert ask(port, "/live", method="POST")[0] == 501
    assert capfd.readouterr() == ("", "")


def test_metrics_need_their_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    monkeypatch.delitem(sys.modules, "reconnecting_sse.workers.metrics", raising=False)
    with serving(WELL) as port:
        status, body, _ = ask(port, "/metrics")
    assert status == 404
    assert "reconnecting-sse[prometheus]" in body


METRICS = """
sse_worker_live{name="prices"} 1.0
sse_worker_ready{name="prices"} 1.0
sse_worker_owner{name="prices"} 1.0
sse_worker_position_age_seconds{name="prices"} 1.5
sse_worker_uncommitted_events{name="prices"} 2.0
sse_worker_in_hand_events{name="prices"} 0.0
sse_worker_last_byte_age_seconds{name="prices"} 0.25
sse_worker_events_total{name="prices"} 7.0
sse_worker_dead_letters_total{name="prices"} 1.0
sse_worker_reconnects_total{cause="StreamEnded",name="prices"} 3.0
sse_worker_reconnects_total{cause="StreamInterrupted",name="prices"} 1.0
"""


def test_each_metric_has_its_name():
    with serving(WELL) as port:
        status, body, headers = ask(port, "/metrics")
    assert status == 200
    assert headers["Content-Type"].startswith("text/plain")
    samples = [line for line in body.splitlines() if not line.startswith("#")]
    assert samples == METRICS.split("\n")[1:-1]


def test_the_text_is_as_prometheus_wants_it():
    tool = shutil.which("promtool")
    if tool is None:
        pytest.skip("there is no promtool here (Debian: prometheus)")
    with serving(WELL, ILL) as port:
        text = ask(port, "/metrics")[1]
    checked = subprocess.run(
        [tool, "check", "metrics"],
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (checked.returncode, checked.stderr) == (0, "")


def test_so_are_the_alerts_that_the_documents_show(tmp_path):
    tool = shutil.which("promtool")
    if tool is None:
        pytest.skip("there is no promtool here (Debian: prometheus)")
    page = (ROOT / "docs" / "how-to" / "monitoring.md").read_text("utf-8")
    shown = "    groups:" + page.partition("\n    groups:")[2].partition("\n\n")[0]
    rules = tmp_path / "rules.yml"
    rules.write_text(textwrap.dedent(shown), "utf-8")
    checked = subprocess.run(
        [tool, "check", "rules", rules], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr
    assert "4 rules found" in checked.stdout
    with serving(WELL, ILL) as port:
        text = ask(port, "/metrics")[1]
    named = set(re.findall(r"sse_worker_\w+", shown))
    assert named <= set(re.findall(r"sse_worker_\w+", text))


def test_a_registry_of_ones_own_can_have_them():
    registry = CollectorRegistry()
    registry.register(HealthCollector(lambda: [WELL]))
    assert b'sse_worker_events_total{name="prices"} 7.0' in generate_latest(registry)


def test_several_clients_are_served_and_a_mute_one_holds_up_nobody(monkeypatch):
    monkeypatch.setattr(probes, "CLIENT_SECONDS", 0.05)
    with serving(WELL) as port:
        with socket.create_connection(("127.0.0.1", port)) as mute:
            assert ask(port, "/live")[0] == 200
            assert mute.recv(10) == b""  # given up
        with socket.create_connection(("127.0.0.1", port)) as rude:
            rude.sendall(b"GET /live HTTP/1.1\r\n\r\n")
            rude.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        assert ask(port, "/live")[0] == 200


def test_one_that_sends_a_byte_now_and_then_is_given_up_all_the_same(monkeypatch):
    monkeypatch.setattr(probes, "CLIENT_SECONDS", 0.2)
    with (
        serving(WELL) as port,
        socket.create_connection(("127.0.0.1", port)) as slow,
    ):
        slow.settimeout(0.01)
        with pytest.raises(OSError, match=r"reset|[Bb]roken pipe"):
            while True:
                slow.sendall(b"G")
                with suppress(TimeoutError):
                    if not slow.recv(1):
                        raise BrokenPipeError("broken pipe")


def test_no_name_server_is_asked_for_the_own_name(monkeypatch):
    monkeypatch.setattr(socket, "getfqdn", None)
    with serving(WELL) as port:
        assert ask(port, "/live")[0] == 200


def test_it_listens_on_six_too():
    with serving(WELL, address="[::1]:0") as port:
        assert ask(port, "/live", host="::1")[0] == 200


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("127.0.0.1:8080", ("127.0.0.1", 8080)),
        (":8080", ("", 8080)),
        ("[::1]:80", ("::1", 80)),
        ("localhost:0", ("localhost", 0)),
    ],
)
def test_addresses(address, expected):
    assert parsed(address) == expected


@pytest.mark.parametrize("address", ["", "8080", "host", "::1:80", "host:99999", "h:x"])
def test_what_is_no_address_is_refused(address):
    with pytest.raises(ValueError, match=r"such as 127\.0\.0\.1:8080"):
        parsed(address)


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
def test_a_port_that_is_taken_is_said(host):
    with serving(WELL, address=f"{host}:0") as port:
        expected = re.escape(f"probes cannot listen on {host}:{port}: ")
        with (
            pytest.raises(CannotListen, match=expected),
            Probes(f"{host}:{port}", list),
        ):
            pass


@pytest.mark.parametrize("face", FACES, ids=lambda face: face.name)
def test_a_worker_serves_them_while_it_runs(face):
    with ScriptedServer(NumberedFeed(3, retry=10, then="hang")) as server:
        worker = worker_of(
            face, server.url, MemoryStore(), lambda _: None, probes="127.0.0.1:0"
        )
        with Running(face, worker) as running:
            until(lambda: worker._probes._server is not None)
            port = worker._probes.port
            assert ask(port, "/live")[0] == 200
            until(lambda: "sse_worker_owner{" in ask(port, "/metrics")[1])
            worker.stop()
            assert running.join() is None
        with pytest.raises(OSError):
            ask(port, "/live")
