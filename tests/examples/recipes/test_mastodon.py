"""The recipe for Mastodon, whose stream has no replay."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

import pytest

from reconnecting_sse.testing import (
    Answer,
    ScriptedServer,
)
from tests.dialects.stand_ins import block
from tests.examples.recipes.programs import JSON, client, recipe


class Mastodon:
    """A stream without IDs and replay; statuses are there for who asks by min_id."""

    def __init__(self):
        self.connections, self.asked, self.posted = 0, [], [1, 2]

    def __call__(self, request):
        assert request.header("authorization") == "Bearer key"
        path = urlsplit(request.target).path
        if path == "/api/v1/timelines/public":
            return self._page(request)
        if path == "/api/v2/instance":
            urls = {"streaming": f"ws://{request.header('host')}/elsewhere"}
            body = json.dumps({"configuration": {"urls": urls}})
            return Answer(headers=JSON, body=body)
        assert path == "/elsewhere/api/v1/streaming/public"
        self.connections += 1
        return [self._first, self._second, self._third][self.connections - 1]()

    def _page(self, request):
        least, limit = request.query("min_id"), int(request.query("limit"))
        if least is None:  # the newest ones
            page = self.posted[-limit:]
        else:
            self.asked.append(int(least))
            page = [n for n in self.posted if n > int(least)][:limit]
        if self.connections == 3 and len(self.asked) < 6:
            return Answer(503, headers=())
        body = json.dumps([self.status(n) for n in reversed(page)])
        return Answer(headers=JSON, body=body)

    def _first(self):
        """It is cut before its first status."""
        return Answer(body=":)\n\nevent: upd", end="cut")

    def _second(self):
        """Two were posted meanwhile. Of the next two only the later one is streamed."""
        self.posted = [1, 2, 3, 4]
        return Answer(body=self.update(6) + "event: update\n", end="cut")

    def _third(self):
        """A server that is not up yet, and then is; it has more than a page."""
        self.posted = list(range(1, 101))
        deleted = block("7", event="delete")
        live = [self.update(102), deleted, self.update(100), self.update(101)]
        return Answer(body=[":thump\n", ":thump\n", *live], end="hang")

    def status(self, n):
        return {"id": str(n), "url": f"https://m/{n}", "account": {"acct": "me"}}

    def update(self, n):
        return block(json.dumps(self.status(n)), event="update")


def test_mastodon_fills_what_a_drop_missed(capsys):
    stand_in, found = Mastodon(), []

    def handle(status):
        found.append(int(status["id"]))
        if len(found) == 100:
            raise KeyboardInterrupt

    headers = {"Authorization": "Bearer key"}
    with (
        ScriptedServer(stand_in) as server,
        client(headers=headers) as made,
        pytest.raises(KeyboardInterrupt),
    ):
        recipe("mastodon").Timeline(made, server.url, handle).follow()
    # 1 and 2 were there before; each other one comes once, in the streams' order.
    assert found == [3, 4, 6, 5, *range(7, 101), 102, 101]
    assert stand_in.asked == [2, 2, 4, 2, 2, 2, 42, 82, 100]
    assert "not caught up: HTTPStatusError" in capsys.readouterr().err
