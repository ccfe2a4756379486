"""Each recipe against a server that behaves as the real one does, and fails as it does.

The first connection of every stream is cut, so that going on is really tried.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import ssl
import sys
import threading
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from urllib.parse import urlsplit

import httpxr
import pytest
import trustme

from reconnecting_sse import (
    CertificateRejected,
    ReconnectingEventSource,
    StreamEnded,
    StreamingTransport,
    UnexpectedStatus,
    stores,
)
from reconnecting_sse.testing import (
    Answer,
    NumberedFeed,
    RandomFaults,
    ScriptedServer,
    ServedApplication,
)
from tests.dialects.stand_ins import Mercure, StandIn, block

RECIPES = Path(__file__).parents[2] / "examples" / "recipes"
JSON = [("Content-Type", "application/json")]


def recipe(name):
    """The program as a module."""
    spec = importlib.util.spec_from_file_location(name, RECIPES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # annotations are looked up there
    spec.loader.exec_module(module)
    return module


@pytest.fixture(autouse=True)
def _without_waits(monkeypatch):
    """What is waited between attempts is the server's to say; here it says nothing."""
    made = ReconnectingEventSource.__init__

    def quick(self, *args, **options):
        options = options if "policy" in options else {"wait": lambda _: 0, **options}
        made(self, *args, **options)

    monkeypatch.setattr(ReconnectingEventSource, "__init__", quick)


@contextmanager
def client(**options):
    with httpxr.Client(transport=StreamingTransport(), **options) as made:
        yield made


def printed(module, capsys, *words, **variables):
    """What the program prints when it is run so, and its end."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [module.__file__, *words])
        for name, value in variables.items():
            patch.setenv(name, value)
        module.main()
    return capsys.readouterr().out


# ------------------------------------------------------------------ language models


def deltas(*texts):
    documents = [{"choices": [{"delta": {"content": text}}]} for text in texts]
    first = {"choices": [{"delta": {"role": "assistant"}}]}
    return "".join(block(json.dumps(each)) for each in [first, *documents])


class Chat:
    """An answer in three pieces, after which the connection stays open."""

    def __init__(self, end="hang", done="data: [DONE]\n\n"):
        self.end, self.done = end, done

    def __call__(self, request):
        assert request.header("authorization") == "Bearer key"
        asked = json.loads(request.body)
        assert asked["stream"] is True
        assert asked["messages"] == [{"role": "user", "content": "Who?"}]
        return Answer(body=deltas("It", " is", " I.") + self.done, end=self.end)


def test_chat_ends_with_done(capsys):
    with ScriptedServer(Chat()) as server:
        url = {"CHAT_URL": server.url, "OPENAI_API_KEY": "key"}
        assert printed(recipe("chat"), capsys, "Who?", **url) == "It is I.\n"


def test_a_chat_that_is_cut_is_not_asked_again(capsys):
    with ScriptedServer(Chat(end="cut", done="")) as server:
        url = {"CHAT_URL": server.url, "OPENAI_API_KEY": "key"}
        with pytest.raises(SystemExit, match="interrupted"):
            printed(recipe("chat"), capsys, "Who?", **url)
        assert len(server.requests) == 1
    assert capsys.readouterr().out == "It is I."


def test_a_chat_without_done_is_not_whole():
    chat = recipe("chat")
    headers = {"Authorization": "Bearer key"}
    with (
        ScriptedServer(Chat(end="finish", done="")) as server,
        client(headers=headers) as made,
        pytest.raises(StreamEnded),
    ):
        list(chat.spoken(made, server.url, "Who?"))


class Responses(StandIn):
    """A response made by POST, and gone on with by GET after a sequence number."""

    path = "/v1/responses"
    last = "response.completed"

    def after(self, path, query, request):
        if request.method == "POST":
            asked = json.loads(request.body)
            assert (asked["background"], asked["stream"]) == (True, True)
            return -1
        assert (path, query["stream"]) == ("/v1/responses/resp_1", "true")
        return int(query["starting_after"])

    def blocks(self, after):
        kinds = ["response.created", *["response.output_text.delta"] * 4, self.last]
        found = []
        for n in range(after + 1, self.count):
            document = {"type": kinds[n], "sequence_number": n, "delta": str(n)}
            if "delta" not in kinds[n]:
                document["response"] = {"id": "resp_1"}
            found.append(block(json.dumps(document), event=kinds[n]))
        return found


def test_a_background_response_is_whole_through_a_drop(capsys):
    with ScriptedServer(Responses()) as server:
        url = {"RESPONSES_URL": server.url + Responses.path, "OPENAI_API_KEY": "key"}
        assert printed(recipe("openai_background"), capsys, "Go.", **url) == "1234\n"
        assert [r.method for r in server.requests] == ["POST", "GET"]


def test_a_background_response_that_fails_is_an_error():
    class Failed(Responses):
        last = "response.failed"

    spoken = recipe("openai_background").spoken
    with ScriptedServer(Failed()) as server, client() as made:
        pieces = spoken(made, server.url + Responses.path, "Go.")
        assert list(islice(pieces, 4)) == list("1234")
        with pytest.raises(RuntimeError, match="failed"):
            next(pieces)


class Tool:
    """An MCP server: JSON for the first request, a stream that is cut for a tool."""

    def __init__(self, *, cut_at_once=False):
        self.cut_at_once, self.seen = cut_at_once, []

    def __call__(self, request):
        self.seen.append(request)
        if request.method == "GET":
            return self._rest(request)
        assert request.header("accept") == "application/json, text/event-stream"
        message = json.loads(request.body)
        if message["method"] == "initialize":
            wanted = message["params"]["protocolVersion"]
            result = {"protocolVersion": wanted, "capabilities": {}}
            headers = [*JSON, ("Mcp-Session-Id", "s1")]
            return Answer(headers=headers, body=_answer(message["id"], result))
        assert request.header("mcp-session-id") == "s1"
        assert request.header("mcp-protocol-version") == "2025-11-25"
        if "id" not in message:
            return Answer(202, headers=())
        if message["params"]["name"] == "broken":
            error = {"jsonrpc": "2.0", "id": message["id"], "error": {"message": "no"}}
            return Answer(headers=JSON, body=json.dumps(error))
        self.number = message["id"]
        if self.cut_at_once:
            return Answer(body=": hello\n\n", end="cut")
        progress = {"jsonrpc": "2.0", "method": "notifications/progress", "params": {}}
        first = block("", id="a1") + block(json.dumps(progress), id="a2")
        return Answer(body=f"retry: 1\n{first}data: cut o", end="cut")

    def _rest(self, request):
        assert request.header("accept") == "text/event-stream"
        assert request.header("mcp-session-id") == "s1"
        assert request.header("last-event-id") == "a2"
        other = block(_answer(99, "another's"), id="a3")
        return Answer(body=other + block(_answer(self.number, {"sum": 3}), id="a4"))


def _answer(number, result):
    return json.dumps({"jsonrpc": "2.0", "id": number, "result": result})


def test_an_mcp_tool_answers_through_a_drop(capsys):
    with ScriptedServer(Tool()) as server:
        out = printed(recipe("mcp"), capsys, server.url, "add", '{"a": 1, "b": 2}')
    assert out == '… notifications/progress {}\n{"sum": 3}\n'


def test_an_mcp_error_is_raised():
    mcp = recipe("mcp")
    with ScriptedServer(Tool()) as server, client() as made:
        session = mcp.Session(made, server.url)
        session.initialize()
        with pytest.raises(RuntimeError, match="no"):
            session.request("tools/call", {"name": "broken", "arguments": {}})


def test_an_mcp_stream_without_an_id_cannot_be_gone_on_with():
    mcp = recipe("mcp")
    with ScriptedServer(Tool(cut_at_once=True)) as server, client() as made:
        session = mcp.Session(made, server.url)
        session.initialize()
        with pytest.raises(httpxr.TransportError):
            session.request("tools/call", {"name": "add", "arguments": {}})


# ------------------------------------------------------------------ feeds


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
    """Has forgotten what was before its third update."""

    def __call__(self, request):
        answer = super().__call__(request)
        assert "topic=a" in request.target
        assert "topic=b" in request.target
        assert request.header("authorization") == "Bearer key"
        if len(self.asked) == 2:
            resumed = ("Mercure-Last-Event-ID", "urn:5")
            answer = Answer(
                headers=[("Content-Type", "text/event-stream"), resumed],
                body="".join(self.blocks(5)),
                end="hang",
            )
        return answer


def test_mercure_tells_of_what_its_hub_has_forgotten(capsys):
    updates, missed = recipe("mercure").updates, []
    headers = {"Authorization": "Bearer key"}
    with ScriptedServer(Hub()) as server, client(headers=headers) as made:
        found = islice(updates(made, server.url, ["a", "b"], missed.append), 5)
        assert [event.id for event in found] == [f"urn:{n}" for n in (1, 2, 3, 4, 6)]
    (gap,) = missed
    assert (gap.asked_for, gap.resumed_after) == ("urn:4", "urn:5")


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


class Mastodon:
    """A stream without IDs and replay; statuses are there for who asks by min_id."""

    def __init__(self):
        self.connections, self.asked = 0, []
        self.posted = [1, 2]

    def __call__(self, request):
        assert request.header("authorization") == "Bearer key"
        parts = urlsplit(request.target)
        if parts.path == "/api/v1/timelines/public":
            least = int(request.query("min_id"))
            self.asked.append(least)
            limit = int(request.query("limit"))
            page = [n for n in self.posted if n > least][:limit]
            body = json.dumps([self.status(n) for n in reversed(page)])
            return Answer(headers=JSON, body=body)
        assert parts.path == "/api/v1/streaming/public"
        self.connections += 1
        if self.connections == 1:
            body = self.update(1) + ":thump\n\n" + self.update(2) + "event: update\n"
            return Answer(body=body, end="cut")
        # Posted while nobody listened: more than a page; and one just now, which the
        # stream and the page both have.
        self.posted = list(range(1, 101))
        deleted = block("7", event="delete")
        body = [deleted, self.update(100), self.update(101)]
        return Answer(body=body, end="hang")

    def status(self, n):
        return {"id": str(n), "url": f"https://m/{n}", "account": {"acct": "me"}}

    def update(self, n):
        return block(json.dumps(self.status(n)), event="update")


def test_mastodon_fills_what_a_drop_missed():
    stand_in, mastodon = Mastodon(), recipe("mastodon")
    headers = {"Authorization": "Bearer key"}
    with ScriptedServer(stand_in) as server, client(headers=headers) as made:
        statuses = islice(mastodon.Statuses(made, server.url), 101)
        assert [int(each["id"]) for each in statuses] == list(range(1, 102))
    assert stand_in.asked == [2, 42, 82, 100]


# ------------------------------------------------------------------ states


def test_hue_is_trusted_by_its_id(tmp_path):
    authority, hue = trustme.CA(), recipe("hue")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("001788fffe123456").configure_cert(context)
    file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(file)
    document = [
        {"type": "update", "data": [{"id": "lamp", "type": "light"}]},
        {"type": "add", "data": [{"id": "new", "type": "light"}]},
    ]
    body = ": hi\n\n" + block(json.dumps(document), id="1634576695:0")
    script = [
        Answer(body=f"{body}data: [{{", end="cut"),
        Answer(body=body, end="hang"),
    ]
    with ScriptedServer(script, ssl_context=context) as server:
        address = urlsplit(server.url).netloc
        with hue.client_of("001788fffe123456", str(file), "key") as made:
            found = islice(hue.changes(made, address), 2)
            assert [each["id"] for each in found] == ["lamp", "lamp"]
        assert server.requests[0].target == "/eventstream/clip/v2"
        assert server.requests[0].header("hue-application-key") == "key"
        server.assert_resumed_from([None, "1634576695:0"])
        made = hue.client_of("001788fffe999999", str(file), "key")
        with made, pytest.raises(CertificateRejected):
            next(hue.changes(made, address))


class Firebase:
    """Redirects to the host of the data; revokes the first token."""

    def __init__(self):
        self.tokens = []

    def __call__(self, request):
        token = request.query("auth")
        assert urlsplit(request.target).path == "/chat.json"
        if request.listener == "main":
            location = f"{{other}}/chat.json?auth={token}"
            return Answer(307, headers=[("Location", location)])
        self.tokens.append(token)
        if len(self.tokens) == 1:
            whole = {"a": {"name": "Ann"}}
            body = [self.event("put", "/", whole), "event: pa"]
            return Answer(body=body, end="cut")
        if len(self.tokens) == 2:
            body = [
                self.event("put", "/", {"a": {"name": "Ann"}, "b": 1}),
                block("null", event="keep-alive"),
                self.event("patch", "/a", {"name": "Anna", "age": 7}),
                self.event("put", "/b", None),
                block('"token expired"', event="auth_revoked"),
            ]
            return Answer(body=body, end="hang")
        body = [self.event("put", "/", None), block("null", event="cancel")]
        return Answer(body=body, end="hang")

    def event(self, kind, path, data):
        return block(json.dumps({"path": path, "data": data}), event=kind)


def test_firebase_is_copied_through_redirects_drops_and_tokens():
    stand_in, firebase = Firebase(), recipe("firebase")
    tokens = (f"t{n}" for n in range(10))
    found = []
    with ScriptedServer(stand_in) as server, client() as made:
        copies = firebase.copies(made, f"{server.url}/chat", lambda: next(tokens))
        with pytest.raises(PermissionError):
            found.extend(copies)
    assert found == [
        {"a": {"name": "Ann"}},
        {"a": {"name": "Ann"}, "b": 1},
        {"a": {"name": "Anna", "age": 7}, "b": 1},
        {"a": {"name": "Anna", "age": 7}},
        None,
    ]
    assert stand_in.tokens == ["t0", "t1", "t2"]


class Flags:
    """All flags first, then changes; the first connection is cut."""

    def __init__(self):
        self.connections = 0

    def __call__(self, request):
        if request.header("authorization") != "key":
            return Answer(401, headers=())
        self.connections += 1
        flags = {"dark-mode": {"version": self.connections, "on": False}}
        put = {"path": "/", "data": {"flags": flags, "segments": {}}}
        first = block(json.dumps(put), event="put")
        if self.connections == 1:
            body = f"retry: 1\n{first}" + self.patch(5, on=True) + "event: pat"
            return Answer(body=body, end="cut")
        gone = {"path": "/flags/dark-mode", "version": 9}
        segment = {"path": "/segments/x", "data": {"version": 1}}
        body = [first, self.patch(1, on=True), self.patch(3, on=True)]
        body += [block(json.dumps(segment), event="patch")]
        body += [block(json.dumps(gone), event="delete")]
        return Answer(body=body, end="hang")

    def patch(self, version, *, on):
        data = {"version": version, "on": on}
        patch = {"path": "/flags/dark-mode", "data": data}
        return block(json.dumps(patch), event="patch")


def test_flags_are_those_of_the_newest_version():
    recipes, stand_in = recipe("flags"), Flags()
    with ScriptedServer(stand_in) as server:
        with client(headers={"Authorization": "key"}) as made:
            states = recipes.followed(made, server.url, recipes.Flags())
            found = [each.value("dark-mode", "?") for each in islice(states, 7)]
        with client() as made, pytest.raises(UnexpectedStatus):
            next(recipes.followed(made, server.url, recipes.Flags()))
    # The second connection's state replaces the first's, older as it may be.
    assert found == [False, True, False, False, True, True, "?"]
    assert recipes.Flags().value("unknown", default=3) == 3


# ------------------------------------------------------------------ services


def test_a_relay_passes_on_where_a_browser_was(monkeypatch):
    relay = recipe("relay")
    faults = RandomFaults(3, limit=2, kinds=["cut", "reset"], reach=100)
    with ScriptedServer(NumberedFeed(9, then="hang", faults=faults)) as server:
        monkeypatch.setenv("FEED_URL", server.url)
        monkeypatch.setenv("FEED_TOKEN", "secret")
        with ServedApplication(relay.app) as served:
            browser = ReconnectingEventSource(
                served.client(), "GET", "/events", last_event_id="4"
            )
            with browser:
                assert [e.id for e in islice(browser, 5)] == list("56789")
        first, *_ = server.requests
        assert first.header("authorization") == "Bearer secret"
        assert first.header("last-event-id") == "4"


def test_a_relay_leaves_the_feed_with_its_browser(monkeypatch):
    relay = recipe("relay")
    with ScriptedServer(NumberedFeed(3, then="hang")) as server:
        monkeypatch.setenv("FEED_URL", server.url)
        with ServedApplication(relay.app) as served:
            with ReconnectingEventSource(served.client(), "GET", "/events") as browser:
                assert next(iter(browser)).id == "1"
            assert server.requests[0].closed_by_client.wait(5)


def test_a_relay_ends_with_its_feed(monkeypatch):
    relay = recipe("relay")
    with ScriptedServer(NumberedFeed(3, then="stop")) as server:
        monkeypatch.setenv("FEED_URL", server.url)
        with ServedApplication(relay.app) as served:
            ends = {"on_end": "finish"}
            with ReconnectingEventSource(
                served.client(), "GET", "/events", **ends
            ) as browser:
                assert [event.id for event in browser] == ["1", "2", "3"]


def test_a_relay_shows_that_all_is_well(monkeypatch):
    relay = recipe("relay")
    monkeypatch.setattr(relay, "HEARTBEAT", 0.01)
    with ScriptedServer([Answer(body="data: a\n\n", end="hang")]) as server:
        monkeypatch.setenv("FEED_URL", server.url)
        with ServedApplication(relay.app) as served:
            heard = threading.Event()
            browser = ReconnectingEventSource(
                served.client(), "GET", "/events", on_comment=lambda _: close()
            )

            def close():
                heard.set()
                browser.close()

            assert [event.data for event in browser] == ["a"]
    assert heard.is_set()


def test_several_feeds_are_followed_at_once():
    recipes, seen = recipe("several_feeds"), []

    async def main(*urls):
        async with asyncio.timeout(5):
            await recipes.follow_all(
                list(urls), lambda url, e: seen.append((url, e.id))
            )

    faults = [RandomFaults(n, limit=1, kinds=["cut"], reach=60) for n in range(2)]
    feeds = [NumberedFeed(4, then="stop", faults=each) for each in faults]
    with ScriptedServer(feeds[0]) as one, ScriptedServer(feeds[1]) as other:
        asyncio.run(main(one.url, other.url))
        expected = [(url, n) for url in (one.url, other.url) for n in "1234"]
        assert sorted(seen) == sorted(expected)
        with ScriptedServer([Answer(404)]) as gone:
            with pytest.raises(ExceptionGroup) as caught:
                asyncio.run(main(gone.url))
            assert isinstance(caught.value.exceptions[0], UnexpectedStatus)


def test_every_recipe_is_told_of():
    index = (RECIPES.parents[1] / "docs" / "recipes" / "index.md").read_text("utf-8")
    for path in RECIPES.glob("*.py"):
        assert f"recipes/{path.name}" in index, path.name
