"""What the documents' programs need to run: their text, and the server they talk to."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import logging
import os
import re
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from reconnecting_sse.testing import Answer, ScriptedServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from reconnecting_sse.testing import RecordedRequest, Step

ROOT = Path(__file__).parents[1]
SITE = "https://example.com"
PREAMBLE = "<!-- runs before each block of this page -->"
BEFORE = "<!-- before -->"
PATIENCE = 5.0
SSE_HEADERS = [("Content-Type", "text/event-stream")]
PLAIN_HEADERS = [("Content-Type", "text/plain")]
CODED_HEADERS = [*SSE_HEADERS, ("Content-Encoding", "gzip")]
UNFLUSHED = gzip.compress(b"")[:10]


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, and the first line's number."""

    document: str
    line: int
    language: str
    text: str
    mark: str = ""

    @property
    def is_preamble(self) -> bool:
        return self.mark == PREAMBLE

    def __str__(self) -> str:
        return f"{self.document}:{self.line}"


def documents() -> list[Path]:
    """What is written about it: pages of the site, and those beside the README."""
    beside = [ROOT / f"{name}.md" for name in ("README", "CONTRIBUTING", "SECURITY")]
    pages = sorted((ROOT / "docs").rglob("*.md"))
    return [*beside, *(page for page in pages if "_build" not in page.parts)]


def blocks_of(path: Path) -> list[Block]:
    """The fenced blocks, in order."""
    blocks, opened, body, before = [], None, [], ""
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        if line.startswith("```"):
            if opened is None:
                opened, body = (number + 1, line.removeprefix("```")), []
            else:
                at, language = opened
                name = str(path.relative_to(ROOT))
                text = "\n".join(body) + "\n"
                mark = before if before.startswith("<!--") else ""
                blocks.append(Block(name, at, language, text, mark))
                opened, before = None, ""
        elif opened is not None:
            body.append(line)
        elif line:
            before = line
        assert opened or "```" not in line.strip("`"), f"{path}:{number}: a stray fence"
    assert opened is None, f"{path}: a block without an end"
    return blocks


class Site:
    """What https://example.com is while a program runs.

    Its streams are live: between two events it waits until the program has printed
    something, and remembers in ``trace`` in which order things happened.
    """

    def __init__(self, patience: float = PATIENCE) -> None:
        self.trace: list[str] = []
        self.late: list[str] = []
        self.output: list[str] = []
        self._patience = patience
        self._printed = 0
        self._changed = threading.Condition()
        self._has_cut = False

    def __call__(self, request: RecordedRequest) -> Step:
        path = urlsplit(request.target).path
        return self._routes()[path](request)

    def _routes(self) -> dict[str, Callable[[RecordedRequest], Step]]:
        return {
            "/feed": self._feed,
            "/events": lambda r: self._stream(r, _EVENTS),
            "/stream": lambda r: self._stream(r, _UPDATES),
            "/v1/chat/completions": self._chat,
            "/private": self._private,
            "/gone": lambda _: Answer(404, headers=[], framing="length"),
            "/page": lambda _: Answer(headers=[("Content-Type", "text/html")]),
            "/busy": lambda _: Answer(503, headers=[], framing="length"),
            "/silent": lambda _: Answer(body="data: first\n\n", end="hang"),
            "/lines": self._lines,
            "/items": self._items,
            "/plain": lambda _: Answer(headers=PLAIN_HEADERS, body="data: hello\n\n"),
            "/unflushed": self._unflushed,
            "/stopping": self._stopping,
            "/beating": self._beating,
            "/hub": self._hub,
            "/history": self._history,
            "/answers": self._answers,
            "/signed": self._signed,
            "/answers/a1": self._answers,
        }

    def print(self, *words: object, **keywords: Any) -> None:
        """The programs' ``print``: each one says that an event was seen."""
        text = " ".join(map(str, words)) + keywords.get("end", "\n")
        with self._changed:
            self.output.append(text)
            self._printed += 1
            self.trace.append("printed")
            self._changed.notify_all()

    def _stream(self, request: RecordedRequest, events: list[str]) -> Step:
        """The events after the client's ID, as 1, 2, …; 204 when it has them all."""
        known = int(request.header("last-event-id") or 0)
        if known == len(events):
            return Answer(204)
        return Answer(body=self._live(_numbered(events)[known:]))

    def _live(self, events: list[str]) -> Iterator[str]:
        printed = -1
        for number, event in enumerate(events):
            if not self._wait_for_more_than(printed):
                self.late.append(event)
            printed = self._printed if "event: ping" not in event else -1
            self.trace.append("sent")
            yield f"retry: 10\n{event}\n\n" if number == 0 else f"{event}\n\n"

    def _wait_for_more_than(self, before: int) -> bool:
        with self._changed:
            return self._changed.wait_for(
                lambda: self._printed > before, self._patience
            )

    def _feed(self, request: RecordedRequest) -> Step:
        answer = self._stream(request, _FEED)
        if self._has_cut or not isinstance(answer, Answer):
            return answer
        self._has_cut = True
        body = chain(self._live(_numbered(_FEED)[:2]), ["id: 3\ndata: the thi"])
        return Answer(body=body, end="cut")

    def _chat(self, request: RecordedRequest) -> Step:
        assert request.method == "POST"
        assert b"messages" in request.body
        return Answer(body=self._live(_CHAT))

    def _private(self, request: RecordedRequest) -> Step:
        if request.header("authorization") not in ("Bearer fresh", "Bearer newer"):
            return Answer(401, headers=[], framing="length")
        return self._stream(request, ["data: for you only"])

    def _signed(self, request: RecordedRequest) -> Step:
        if request.header("last-event-id") or not request.header("x-signature"):
            return Answer(204)
        body = self._live(_numbered(["data: plain, but events"]))
        return Answer(headers=[("Content-Type", "text/plain")], body=body)

    def _beating(self, request: RecordedRequest) -> Step:
        if request.header("last-event-id"):
            return Answer(204)
        body = ["retry: 10\n: all is well\n\n", *_blocks(_numbered(["data: first"]))]
        return Answer(body=body)

    def _hub(self, request: RecordedRequest) -> Step:
        """Resumes by its query alone, and cuts every connection after two events."""
        query = parse_qs(urlsplit(request.target).query)
        known = int(query.get("lastEventID", ["0"])[0])
        if known == len(_FEED):
            return Answer(204)
        body = ["retry: 10\n", *_blocks(_numbered(_FEED)[known : known + 2])]
        return Answer(body=body, end="cut")

    def _history(self, request: RecordedRequest) -> Step:
        """Has forgotten everything before event 7."""
        if request.header("last-event-id") == "7":
            return Answer(204)
        position = "6" if request.header("last-event-id") else ""
        headers = [*SSE_HEADERS, ("Mercure-Last-Event-ID", position)]
        number = 7 if position else 1
        block = f"retry: 10\nid: {number}\ndata: event {number}\n\n"
        return Answer(headers=headers, body=block)

    def _answers(self, request: RecordedRequest) -> Step:
        """Begins by POST, and goes on by GET at another place."""
        target = urlsplit(request.target)
        if request.method == "POST":
            first = ["retry: 10\n", *_blocks(_numbered(["data: Hello, "]))]
            return Answer(body=first, end="cut")
        assert (target.path, target.query) == ("/answers/a1", "after=1")
        return Answer(body="id: 2\ndata: world!\n\n")

    def _lines(self, _: RecordedRequest) -> Step:
        ndjson = [("Content-Type", "application/x-ndjson")]
        return Answer(headers=ndjson, body=['{"n": 1}\n', '{"n": 2}\n'])

    def _items(self, request: RecordedRequest) -> Step:
        item = json.dumps({"id": 7, **json.loads(request.body)})
        headers = [("Content-Type", "application/json")]
        return Answer(201, headers=headers, body=item, framing="length")

    def _unflushed(self, _: RecordedRequest) -> Step:
        """Compresses, and holds back what it has compressed."""
        return Answer(headers=CODED_HEADERS, body=UNFLUSHED, end="hang")

    def _stopping(self, _: RecordedRequest) -> Step:
        """Asks this process to end, as a service manager does."""

        def body() -> Iterator[str]:
            yield "data: first\n\n"
            self._wait_for_more_than(0)
            assert callable(signal.getsignal(signal.SIGTERM))  # or it ended the tests
            os.kill(os.getpid(), signal.SIGTERM)
            # A signal just before a read blocks is handled when the read is over:
            # that is Python's way, and a heartbeat ends it.
            yield ":\n"

        return Answer(body=body(), end="hang")


def _numbered(events: list[str]) -> list[str]:
    return [f"id: {n}\n{event}" for n, event in enumerate(events, 1)]


def _blocks(events: list[str]) -> list[str]:
    return [f"{event}\n\n" for event in events]


_FEED = [
    "data: the first event",
    "data: the second, then the connection is cut",
    "data: the third, on another connection",
    "data: the last",
]
_EVENTS = ["event: greeting\ndata: hello", "data: one", "data: two"]
_UPDATES = [
    "event: update\ndata: one",
    "event: ping\ndata:",
    "event: update\ndata: two",
    "event: error\ndata: out of stock",
    "event: update\ndata: never seen",
]
_CHAT = [
    'data: {"choices": [{"delta": {"role": "assistant"}}]}',
    'data: {"choices": [{"delta": {"content": "Hello, "}}]}',
    'data: {"choices": [{"delta": {"content": "world!"}}]}',
    'data: {"choices": [{"delta": {}}]}',
    "data: [DONE]",
]


def run(source: str, name: str, site: Site, line: int = 1) -> str:
    """Run a program against the site, and return what it printed."""
    with ScriptedServer(site) as server:
        program = "\n" * (line - 1) + source.replace(SITE, server.url)
        code = compile(program, name, "exec", dont_inherit=True)
        with _logging_unconfigured(), contextlib.redirect_stdout(_Output(site)):
            exec(code, {"__name__": "__main__", "print": site.print})
        output = "".join(site.output)
        return output.replace(server.url, SITE)


@contextlib.contextmanager
def _logging_unconfigured() -> Iterator[None]:
    root = logging.getLogger()
    level, handlers = root.level, root.handlers[:]
    root.handlers.clear()
    try:
        yield
    finally:
        logging.getLogger("reconnecting_sse").setLevel(logging.NOTSET)
        root.setLevel(level)
        root.handlers[:] = handlers


class _Output(io.StringIO):
    """What is written without ``print``, such as a log: in order with the rest."""

    def __init__(self, site: Site) -> None:
        super().__init__()
        self.write = site.output.append  # type: ignore[assignment,method-assign]


def matches(output: str, documented: str) -> bool:
    """Whether the output is as documented, where ``…`` stands for anything."""
    pattern = ".*".join(re.escape(part) for part in documented.split("…"))
    return re.fullmatch(pattern, output) is not None


def run_apart(source: str) -> dict[str, Any]:
    """Run it in a process of its own: what it printed, and in which order."""
    child = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.documents"],
        input=source,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert child.returncode == 0, child.stderr
    found: dict[str, Any] = json.loads(child.stdout)
    return found


def main() -> None:
    """Run the program on stdin, in a process of its own; write trace and output.

    Ends at once: httpxr's runtime may not survive a proper exit.
    """
    site = Site(patience=0.3)
    output = run(sys.stdin.read(), "stdin", site)
    sys.stdout.write(json.dumps({"trace": site.trace, "output": output}))
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
