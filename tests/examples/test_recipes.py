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
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path
from urllib.parse import urlsplit

import httpxr
import pytest
import trustme

from reconnecting_sse import (
    CertificateRejected,
    ReconnectingEventSource,
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


@pytest.mark.parametrize(("end", "says"), [("cut", "interrupted"), ("finish", "ended")])
def test_a_chat_that_is_not_whole_is_not_asked_again(capsys, end, says):
    with ScriptedServer(Chat(end=end, done="")) as server:
        url = {"CHAT_URL": server.url, "OPENAI_API_KEY": "key"}
        with pytest.raises(SystemExit, match=says):
            printed(recipe("chat"), capsys, "Who?", **url)
        assert len(server.requests) == 1
    assert capsys.readouterr().out == "It is I."


def test_a_chat_that_fails_on_its_way_says_why():
    usage = block(json.dumps({"choices": [], "usage": {"total_tokens": 9}}))
    error = block(json.dumps({"error": {"message": "overloaded"}}))
    headers = {"Authorization": "Bearer key"}
    stand_in = Chat(done=usage + error)
    with (
        ScriptedServer(stand_in) as server,
        client(headers=headers) as made,
        pytest.raises(RuntimeError, match="overloaded"),
    ):
        list(recipe("chat").spoken(made, server.url, "Who?"))


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
        patch.setattr(sys, "argv", ["mercure.py", server.url, "a", "b"])
        for name, value in variables.items():
            patch.setenv(name, value)
        mercure.main()
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


class Mastodon:
    """A stream without IDs and replay; statuses are there for who asks by min_id."""

    def __init__(self):
        self.connections, self.asked, self.posted = 0, [], [1, 2]

    def __call__(self, request):
        assert request.header("authorization") == "Bearer key"
        path = urlsplit(request.target).path
        if path == "/api/v1/timelines/public":
            return self._page(request)
        assert path == "/api/v1/streaming/public"
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


# ------------------------------------------------------------------ states


def test_hue_is_trusted_by_its_id(tmp_path, capsys):
    authority, hue = trustme.CA(), recipe("hue")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # As the bridge's: its ID is its common name, and there is no alternative one.
    certificate = authority.issue_cert(common_name="001788fffe123456")
    certificate.configure_cert(context)
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
        Answer(body=body),
        Answer(204, headers=()),
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
        words = [address, "001788FFFE123456", str(file)]
        assert printed(hue, capsys, *words, HUE_KEY="key") == "light lamp\n"


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


def test_firebase_copies_are_as_the_database_has_them():
    with_put = recipe("firebase").with_put
    # Children whose names are numbers come as an array.
    people = {"people": [{"name": "Ann"}, None, {"name": "Cy"}]}
    changed = with_put(people, ["people", "2", "name"], "Cyd")
    assert changed == {"people": {"0": {"name": "Ann"}, "2": {"name": "Cyd"}}}
    # Who has no children is not there.
    assert with_put({"a": {"b": 1}, "c": 2}, ["a", "b"], None) == {"c": 2}
    assert with_put({"a": {"b": 1}}, ["a", "b"], None) is None
    assert with_put("text", ["a"], 1) == {"a": 1}


def test_firebase_reads_a_fresh_token_for_each_connection(tmp_path, capsys):
    firebase, file = recipe("firebase"), tmp_path / "token"
    database = Firebase()
    file.write_text("t0\n")

    def answer(request):
        step = database(request)
        file.write_text(f"t{len(database.tokens)}\n")
        return step

    with ScriptedServer(answer) as server, pytest.raises(PermissionError):
        variables = {"FIREBASE_TOKEN_FILE": str(file)}
        printed(firebase, capsys, f"{server.url}/chat", **variables)
    assert database.tokens == ["t0", "t1", "t2"]
    assert capsys.readouterr().out.endswith("\nnull\n")


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


def test_a_relay_leaves_the_feed_though_it_was_just_sending(monkeypatch):
    """The server cancels it then outside of the generator, which would live on."""
    relay = recipe("relay")

    async def left_while_sent():
        is_sending = asyncio.Event()

        async def send(message):
            if message["type"] == "http.response.body":
                is_sending.set()
                await asyncio.Event().wait()

        async def receive():
            await is_sending.wait()
            return {"type": "http.disconnect"}

        kind = {"type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}}
        place = {"method": "GET", "path": "/events", "query_string": b""}
        async with asyncio.timeout(5):
            await relay.app({**kind, **place, "headers": []}, receive, send)
        # Its connection is closed by now: nothing waits for a collection of garbage.
        hung_up = server.requests[0].closed_by_client
        assert await asyncio.to_thread(hung_up.wait, 5)

    with ScriptedServer(NumberedFeed(3, then="hang")) as server:
        monkeypatch.setenv("FEED_URL", server.url)
        asyncio.run(left_while_sent())


def test_a_relay_serves_many_each_from_where_he_was(monkeypatch):
    relay = recipe("relay")
    with ScriptedServer(NumberedFeed(9, then="hang")) as server:
        monkeypatch.setenv("FEED_URL", server.url)
        with ServedApplication(relay.app) as served, ExitStack() as stack:
            browsers = [
                stack.enter_context(
                    ReconnectingEventSource(
                        served.client(), "GET", "/events", last_event_id=seen
                    )
                )
                for seen in ("2", "5", "é")
            ]
            turns = islice(zip(*browsers, strict=True), 3)
            found = [[event.id for event in turn] for turn in turns]
        assert found == [["3", "6", "1"], ["4", "7", "2"], ["5", "8", "3"]]
        sent = {request.header("last-event-id") for request in server.requests}
        assert sent == {"2", "5", "é".encode().decode("latin-1")}


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


def stopping(*answers, **pages):
    """Streams one after another, and then 204: there will be no more."""
    left = iter(answers)

    def answer(request):
        for part, page in pages.items():
            if part in request.target:
                return Answer(headers=JSON, body=page)
        return next(left, Answer(204, headers=()))

    return answer


def _edit(n):
    meta = {"domain": "de.wikipedia.org"}
    edit = {"meta": meta, "wiki": "dewiki", "type": "edit", "title": f"page {n}"}
    return block(json.dumps(edit), id=f'[{{"offset":{n}}}]')


def _message(n):
    return block(json.dumps({"id": f"m{n}", "event": "message", "message": f"no. {n}"}))


def _status(n):
    status = {"id": str(n), "url": f"https://m/{n}", "account": {"acct": "me"}}
    return block(json.dumps(status), event="update")


def _flag(n):
    flags = {"dark-mode": {"version": n, "on": n == 2}}
    return block(json.dumps({"path": "/", "data": {"flags": flags}}), event="put")


@pytest.mark.parametrize(
    ("name", "event", "words", "variables", "lines"),
    [
        ("wikimedia", _edit, ["dewiki"], {}, ["page 1", "page 2"]),
        ("ntfy", _message, ["URL"], {}, [" no. 1", " no. 2"]),
        (
            "mastodon",
            _status,
            ["URL"],
            {"MASTODON_TOKEN": "key"},
            ["me https://m/1", "me https://m/2"],
        ),
        (
            "flags",
            _flag,
            ["URL"],
            {"FLAGS_KEY": "key"},
            ["dark-mode is False", "dark-mode is True"],
        ),
        ("several_feeds", lambda n: f"data: {n}\n\n", ["URL"], {}, ["URL 1", "URL 2"]),
    ],
)
def test_a_program_prints_until_its_server_says_stop(
    *, name, event, words, variables, lines, capsys, monkeypatch, tmp_path
):
    monkeypatch.chdir(tmp_path)  # where a store may be written
    first = Answer(body=f"retry: 1\n{event(1)}data: cut of", end="cut")
    script = stopping(first, Answer(body=event(2)), timelines="[]")
    with ScriptedServer(script) as server:
        words = [word.replace("URL", server.url) for word in words]
        variables = {**variables, "WIKIMEDIA_URL": server.url}
        out = printed(recipe(name), capsys, *words, **variables)
        assert out.replace(server.url, "URL").splitlines() == lines


def test_every_recipe_is_told_of():
    index = (RECIPES.parents[1] / "docs" / "recipes" / "index.md").read_text("utf-8")
    for path in RECIPES.glob("*.py"):
        assert f"recipes/{path.name}" in index, path.name
