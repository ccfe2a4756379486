"""Servers that speak as the documentation of their dialect says.

Each serves numbered things and cuts its first connection in the middle of one.
"""

from __future__ import annotations

import json
from urllib.parse import parse_qsl, urlsplit

from reconnecting_sse.testing import Answer


class StandIn:
    """A feed of six things; its subclasses say what they look like.

    Attributes:
        asked: Of each request, the method and the target.
    """

    path, count = "/feed", 6

    def __init__(self):
        self.asked, self.headers, self.bodies = [], [], []

    def __call__(self, request):
        self.asked.append((request.method, request.target))
        self.headers.append(request.header("Last-Event-ID"))
        self.bodies.append(request.body)
        parts = urlsplit(request.target)
        query = dict(parse_qsl(parts.query))
        after = self.after(parts.path, query, request)
        if after is None:
            return Answer(400)
        blocks = self.blocks(after)
        if len(self.asked) > 1:
            return Answer(body="".join(blocks).encode(), end=self.end())
        body = "".join(blocks[: self.cut]).encode()
        return Answer(body=body + b"data: cut of", end="cut")

    cut = 4

    def end(self):
        return "hang"


def block(data, **fields):
    lines = [f"{name}: {value}\n" for name, value in fields.items()]
    return "".join([*lines, f"data: {data}\n\n"])


class Mercure(StandIn):
    """IDs are URNs, and travel in the query; a header tells where it resumed."""

    parameter = "lastEventID"

    def after(self, path, query, request):
        known = query.get(self.parameter)
        return 0 if known is None else int(known.removeprefix("urn:"))

    def blocks(self, after):
        numbers = range(after + 1, self.count + 1)
        return [block(f"update {n}", id=f"urn:{n}") for n in numbers]


class NewerMercure(Mercure):
    parameter = "last_event_id"


class Wikimedia(StandIn):
    """IDs are JSON arrays of topics and offsets; since= begins at a time."""

    def after(self, path, query, request):
        if "since" in query:
            assert request.header("Last-Event-ID") is None
            return 2
        return json.loads(request.header("Last-Event-ID"))[0]["offset"]

    def blocks(self, after):
        return [
            block(f"change {n}", id=json.dumps([{"topic": "t", "offset": n}]))
            for n in range(after + 1, self.count + 1)
        ]

    cut = 2


class OpenAI(StandIn):
    """A response is made by POST, and gone on with by GET after a sequence number."""

    path = "/v1/responses"

    def after(self, path, query, request):
        if request.method == "POST":
            assert json.loads(request.body)["background"] is True
            return -1
        assert path == "/v1/responses/resp_1"
        assert request.body == b""
        assert query["stream"] == "true"
        return int(query["starting_after"])

    def blocks(self, after):
        kinds = ["response.created", *["response.output_text.delta"] * 4]
        kinds.append("response.completed")
        found = []
        for n in range(after + 1, self.count):
            document = {"type": kinds[n], "sequence_number": n}
            if kinds[n] != "response.output_text.delta":
                document["response"] = {"id": "resp_1"}
            found.append(block(json.dumps(document), event=kinds[n]))
        return found


class Ntfy(StandIn):
    """Messages' IDs are in the data; other events have IDs that name nothing."""

    path = "/topic/sse"

    def after(self, path, query, request):
        since = query.get("since", "all")
        return 0 if since == "all" else int(since.removeprefix("m"))

    def blocks(self, after):
        opening = block(json.dumps({"id": "open1", "event": "open"}), event="open")
        alive = json.dumps({"id": "alive1", "event": "keepalive"})
        messages = [
            block(json.dumps({"id": f"m{n}", "event": "message", "message": str(n)}))
            for n in range(after + 1, self.count + 1)
        ]
        return [opening, *messages[:2], block(alive, event="keepalive"), *messages[2:]]


class Horizon(StandIn):
    """Greetings begin and end each connection, and paging tokens are IDs."""

    def after(self, path, query, request):
        assert request.header("Last-Event-ID") is None
        cursor = query["cursor"]
        return 0 if cursor == "now" else int(cursor)

    def blocks(self, after):
        return [
            block('"hello"', event="open", retry=1000),
            *[block(json.dumps({"n": n}), id=n) for n in range(after + 1, 7)],
            block('"byebye"', event="close", retry=10),
        ]


class CouchDB(StandIn):
    """Update sequences are IDs; heartbeats have none."""

    path = "/db/_changes?feed=eventsource"

    def after(self, path, query, request):
        assert query["feed"] == "eventsource"
        since = query.get("since", "0")
        return int(since.partition("-")[0])

    def blocks(self, after):
        changes = [
            block(json.dumps({"seq": f"{n}-x"}), id=f"{n}-x")
            for n in range(after + 1, self.count + 1)
        ]
        return [*changes[:2], block("", event="heartbeat"), *changes[2:]]


class LaunchDarkly(StandIn):
    """Objects are put, and then the payload has been transferred and has a state."""

    def after(self, path, query, request):
        basis = query.get("basis", "(p:0)")
        return int(basis[3:-1])

    def blocks(self, after):
        found = []
        for n in range(after + 1, 4):
            found.append(block(json.dumps({"key": f"flag{n}"}), event="put-object"))
            state = json.dumps({"state": f"(p:{n})", "version": n})
            found.append(block(state, event="payload-transferred"))
        return found

    cut = 3  # within the second transfer


class DurableStreams(StandIn):
    """Control events tell the offset after the data before them, and the end."""

    def after(self, path, query, request):
        assert query["live"] == "sse"
        offset = query["offset"]
        return 0 if offset == "-1" else int(offset)

    def blocks(self, after):
        found = []
        for n in range(after + 1, 4):
            found.append(block(f"part {n}", event="data"))
            control = {"streamNextOffset": str(n), "streamClosed": n == 3}
            found.append(block(json.dumps(control), event="control"))
        return found

    cut = 3


class Mcp(StandIn):
    """The stream that answers a POST begins with an event that only has an ID."""

    path = "/mcp"

    def after(self, path, query, request):
        if request.method == "POST":
            assert request.header("Last-Event-ID") is None
            return 0
        assert request.body == b""
        return int(request.header("Last-Event-ID"))

    def blocks(self, after):
        return [
            block("" if n == 1 else json.dumps({"jsonrpc": "2.0", "n": n}), id=n)
            for n in range(after + 1, self.count + 1)
        ]
