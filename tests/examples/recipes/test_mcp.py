"""The recipe for MCP: answers by JSON and by streams that are closed or cut."""

from __future__ import annotations

import json

import httpxr
import pytest

from reconnecting_sse.testing import (
    Answer,
    ScriptedServer,
)
from tests.dialects.stand_ins import block
from tests.examples.recipes.programs import JSON, client, printed, recipe


class Tool:
    """An MCP server: it answers by JSON or a stream, and closes or cuts the latter.

    The first connection of a tool's answer ends as ``ends`` says.
    """

    def __init__(self, ends):
        self.ends, self.seen = ends, []

    def __call__(self, request):
        self.seen.append(request)
        if request.method == "POST":
            return self._posted(request, json.loads(request.body))
        assert request.header("mcp-session-id") == "s1"
        assert request.header("mcp-protocol-version") == "2025-06-18"
        if request.method == "DELETE":
            return Answer(405, headers=())  # the client has to bear that
        assert request.header("accept") == "text/event-stream"
        return self._rest(request.header("last-event-id"))

    def _posted(self, request, message):
        assert request.header("accept") == "application/json, text/event-stream"
        if message["method"] == "initialize":
            assert message["params"]["protocolVersion"] == "2025-11-25"
            result = {"protocolVersion": "2025-06-18", "capabilities": {}}
            headers = [("Content-Type", "text/event-stream"), ("Mcp-Session-Id", "s1")]
            return Answer(headers=headers, body=block(_answer(message["id"], result)))
        assert request.header("mcp-session-id") == "s1"
        assert request.header("mcp-protocol-version") == "2025-06-18"
        if "id" not in message:
            return Answer(202, headers=())
        self.number = message["id"]
        if message["params"]["name"] == "broken":
            error = {"jsonrpc": "2.0", "id": self.number, "error": {"message": "no"}}
            return Answer(headers=JSON, body=json.dumps(error))
        return self.ends

    def _rest(self, last_event_id):
        if last_event_id == "a2":  # it closes again, on purpose
            return Answer(body=block("", id="a3", retry=1))
        assert last_event_id == "a3"
        other = block(_answer(99, "another's"), id="a4")
        return Answer(body=other + block(_answer(self.number, {"sum": 3}), id="a5"))


PROGRESS = {"jsonrpc": "2.0", "method": "notifications/progress", "params": {}}
BEGUN = block("", id="a1") + block(json.dumps(PROGRESS), id="a2")
NOTHING = ": hello\n\n"


def _answer(number, result):
    return json.dumps({"jsonrpc": "2.0", "id": number, "result": result})


@pytest.mark.parametrize(
    ("ends", "slept"),
    [
        (Answer(body=f"{BEGUN}data: cut o", end="cut"), 0),
        (Answer(body=f"{BEGUN}retry: 70\n\n"), 0.07),
        # An ID and a time may come without data: they are no event.
        (Answer(body=f"{block('', id='a1')}{BEGUN[-1:]}id: a2\nretry: 70\n\n"), 0.07),
    ],
    ids=["cut", "closed", "closed without data"],
)
def test_an_mcp_tool_answers_through_a_drop(capsys, monkeypatch, ends, slept):
    mcp, waits, stand_in = recipe("mcp"), [], Tool(ends)
    monkeypatch.setattr(mcp, "pause", waits.append)
    with ScriptedServer(stand_in) as server:
        out = printed(mcp, capsys, server.url, "add", '{"a": 1, "b": 2}')
    assert out.endswith('{"sum": 3}\n')
    assert ("… notifications/progress {}" in out) == ("progress" in str(ends.body))
    assert waits == [slept]
    methods = [request.method for request in stand_in.seen]
    assert methods == ["POST", "POST", "POST", "GET", "GET", "DELETE"]


def _called(name, ends=None):
    mcp = recipe("mcp")
    with ScriptedServer(Tool(ends)) as server, client() as made:
        session = mcp.Session(made, server.url)
        session.initialize()
        session.request("tools/call", {"name": name, "arguments": {}})


def test_an_mcp_answer_is_taken_from_a_stream_that_stays_open():
    _called("add", Answer(body=BEGUN + block(_answer(2, {"sum": 3})), end="hang"))


def test_an_mcp_error_is_raised():
    with pytest.raises(RuntimeError, match="no"):
        _called("broken")


def test_an_mcp_stream_without_an_id_cannot_be_gone_on_with():
    with pytest.raises(httpxr.TransportError):
        _called("add", Answer(body=NOTHING, end="cut"))
    # A GET without an ID would open another stream, and wait there for ever.
    with pytest.raises(RuntimeError, match="without an answer"):
        _called("add", Answer(body=NOTHING))


def test_an_mcp_server_of_another_revision_is_refused():
    old = {"protocolVersion": "2024-11-05"}
    script = [Answer(headers=JSON, body=_answer(1, old))]
    with (
        ScriptedServer(script) as server,
        client() as made,
        pytest.raises(RuntimeError, match="2024-11-05"),
    ):
        recipe("mcp").Session(made, server.url).initialize()
