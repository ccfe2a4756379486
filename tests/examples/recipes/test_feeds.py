"""Recipes for feeds that go on for ever."""

from __future__ import annotations

import json
from itertools import islice

import pytest

from reconnecting_sse import (
    stores,
)
from reconnecting_sse.testing import (
    Answer,
    ScriptedServer,
)
from tests.dialects.stand_ins import Mercure, StandIn, block
from tests.examples.recipes.programs import client, recipe


class Changes(StandIn):
    """Wikimedia's: IDs are JSON arrays of topics and offsets."""

    def after(self, path, query, request):
        assert "@" in request.header("user-agent")
        given = request.header("last-event-id")
        return 0 if given is None else json.loads(given)[0]["offset"]

    def blocks(self, after):
        return [
            block(
                json.dumps(self.change(n)), id=json.dumps([{"topic": "t", "offset": n}])
            )
            for n in range(after + 1, self.count + 1)
        ]

    def change(self, n):
        domain = "canary" if n == 1 else "de.wikipedia.org"
        wiki = "enwiki" if n == 3 else "dewiki"
        kind = "log" if n == 5 else "edit"
        meta = {"domain": domain}
        return {"meta": meta, "wiki": wiki, "type": kind, "title": f"page {n}"}


def test_wikimedia_goes_on_after_a_drop_and_in_another_run():
    edits, store = recipe("wikimedia").edits, stores.MemoryStore()
    stand_in = Changes()
    with ScriptedServer(stand_in) as server, client() as made:
        first = islice(edits(made, server.url, "dewiki", store), 2)
        assert list(first) == ["page 2", "page 4"]
        # The last one was handed over, and nobody said that it is done.
        later = edits(made, server.url, "dewiki", store)
        assert list(islice(later, 2)) == ["page 4", "page 6"]
    assert stand_in.headers[0] is None
    assert all(json.loads(header) for header in stand_in.headers[1:])


class Hub(Mercure):
    """Has forgotten what was before its sixth update, and says so."""

    def __init__(self, parameter, header, resumed):
        super().__init__()
        self.parameter, self.resumed = parameter, (header, resumed)

    def __call__(self, request):
        answer = super().__call__(request)
        assert "topic=a" in request.target
        assert "topic=b" in request.target
        assert request.header("authorization") == "Bearer key"
        if len(self.asked) == 1:
            return answer
        assert request.query(self.parameter) == "urn:4"
        stream = ("Content-Type", "text/event-stream")
        body = "".join(self.blocks(5))
        return Answer(headers=[stream, self.resumed], body=body)


@pytest.mark.parametrize(
    ("parameter", "header", "resumed"),
    [
        ("lastEventID", "Last-Event-ID", "earliest"),
        ("last_event_id", "Mercure-Last-Event-ID", "urn:5"),
    ],
)
def test_mercure_tells_of_what_its_hub_has_forgotten(
    capsys, monkeypatch, parameter, header, resumed
):
    mercure, hub = recipe("mercure"), Hub(parameter, header, resumed)
    made = mercure.updates  # a hub's stream has no end
    monkeypatch.setattr(mercure, "updates", lambda *a, **o: islice(made(*a, **o), 5))
    variables = {"MERCURE_TOKEN": "key", "MERCURE_PARAMETER": parameter}
    with ScriptedServer(hub) as server, pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        mercure.main([server.url, "a", "b"], standalone_mode=False)
    shown = capsys.readouterr()
    updates = [f"urn:{n} update {n}" for n in (1, 2, 3, 4, 6)]
    assert shown.out.splitlines() == updates
    assert shown.err == "missed what came after urn:4\n"


class Topic(StandIn):
    """ntfy's: messages' IDs are in the data; other events have some, too."""

    cut = 4

    def after(self, path, query, request):
        assert path == "/mytopic/sse"
        since = query["since"]
        return 0 if since == "all" else int(since.removeprefix("m"))

    def blocks(self, after):
        opening = block(json.dumps({"id": "o", "event": "open"}), event="open")
        alive = block(json.dumps({"id": "k", "event": "keepalive"}), event="keepalive")
        messages = [
            block(
                json.dumps({"id": f"m{n}", "event": "message", "message": f"no. {n}"})
            )
            for n in range(after + 1, self.count + 1)
        ]
        return [opening, *messages[:2], alive, *messages[2:]]


def test_ntfy_has_each_message_once():
    messages = recipe("ntfy").messages
    with ScriptedServer(Topic()) as server, client() as made:
        found = islice(messages(made, f"{server.url}/mytopic"), 6)
        assert [each["message"] for each in found] == [f"no. {n}" for n in range(1, 7)]
