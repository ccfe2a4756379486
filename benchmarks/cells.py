"""The matrix: which streams are read, and their bytes, made once for all clients."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal

KIB = 1024
BLOCK_BYTES = 512 * KIB
MANY_PER_CHUNK = 50

_WORDS = (
    b'{"user":"alice","action":"edit","page":"Main Page","size":1234,"minor":false} '
)
_LINE_ENDS = {"LF": b"\n", "CRLF": b"\r\n", "CR": b"\r"}


@dataclass(frozen=True)
class Cell:
    """One stream: how it is framed, and what each of its events looks like.

    Attributes:
        framing: An HTTP chunk for each event, one for many, or no chunks: the body
            lasts as long as the connection, or has a length.
        shape: The fields of an event: ID, type and data; data alone; or the first and
            a ``retry``.
        data_bytes: Bytes of data in each event, over all of its lines.
        events: How many are sent.
        rounds: How often the cell is run at least.
    """

    framing: Literal["each", "many", "close", "length"]
    data_bytes: int = 100
    shape: Literal["three", "data", "retry"] = "three"
    line_end: Literal["LF", "CRLF", "CR"] = "LF"
    data_lines: int = 1
    text: Literal["ASCII", "other"] = "ASCII"
    tls: bool = False
    events: int = 60_000
    rounds: int = 4

    @property
    def name(self) -> str:
        """Its parts, as in a path."""
        lines = f"{self.data_lines}-lines" if self.data_lines > 1 else ""
        text = "" if self.text == "ASCII" else "non-ascii"
        tls = "tls" if self.tls else ""
        parts = (self.framing, str(self.data_bytes), self.shape, self.line_end.lower())
        return "-".join(filter(None, (*parts, lines, text, tls)))

    @property
    def title(self) -> str:
        """What a reader of the table is told."""
        framing = {
            "each": "one event per chunk",
            "many": f"{MANY_PER_CHUNK} events per chunk",
            "close": "no chunks, until the close",
            "length": "no chunks, a content length",
        }[self.framing]
        size = (
            f"{self.data_bytes // KIB} KiB"
            if self.data_bytes >= KIB
            else f"{self.data_bytes} B"
        )
        shape = {"three": "", "data": ", data alone", "retry": ", retry in each"}
        lines = f" in {self.data_lines} lines" if self.data_lines > 1 else ""
        text = "" if self.text == "ASCII" else " not all ASCII"
        ends = "" if self.line_end == "LF" else f", {self.line_end}"
        tls = ", TLS" if self.tls else ""
        return f"{framing}, {size}{lines}{text}{shape[self.shape]}{ends}{tls}"

    def data(self) -> bytes:
        """The data of each event, as a line or as several."""
        each = self.data_bytes // self.data_lines
        words = _WORDS if self.text == "ASCII" else _WORDS.replace(b"e", "é".encode())
        line = (words * (each // len(words) + 1))[:each]
        if self.text == "other":
            line = line.decode(errors="ignore").encode()
        return b"\n".join([line] * self.data_lines)

    def event(self, number: int) -> bytes:
        """One event's block."""
        lines = [b"data: " + line for line in self.data().split(b"\n")]
        if self.shape != "data":
            lines = [b"id: %d" % number, b"event: update", *lines]
        if self.shape == "retry":
            lines.append(b"retry: 3000")
        end = _LINE_ENDS[self.line_end]
        return end.join([*lines, b"", b""])

    def head(self) -> bytes:
        """The response's head."""
        fields = [b"HTTP/1.1 200 OK", b"Content-Type: text/event-stream"]
        if self.framing in ("each", "many"):
            fields.append(b"Transfer-Encoding: chunked")
        elif self.framing == "length":
            fields.append(b"Content-Length: %d" % self._length())
        return b"\r\n".join([*fields, b"Connection: close", b"", b""])

    def _length(self) -> int:
        blocks, rest = divmod(self.events, self.events_per_block)
        return blocks * len(self.block(self.events_per_block)) + len(self.block(rest))

    @property
    def events_per_block(self) -> int:
        """How many events are sent at a time, over and over."""
        fitting = max(1, BLOCK_BYTES // (self.data_bytes + 40))
        return max(MANY_PER_CHUNK, fitting // MANY_PER_CHUNK * MANY_PER_CHUNK)

    @cache  # noqa: B019  (there are few cells, and each lives as long as the process)
    def block(self, events: int) -> bytes:
        """The bytes of so many events, framed."""
        blocks = [self.event(10**6 + number) for number in range(events)]
        if self.framing not in ("each", "many"):
            return b"".join(blocks)
        step = 1 if self.framing == "each" else MANY_PER_CHUNK
        chunks = [b"".join(blocks[at : at + step]) for at in range(0, events, step)]
        return b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)


EACH = Cell("each", events=100_000, rounds=9)
MANY = Cell("many", events=100_000, rounds=9)

MATRIX = (
    EACH,
    MANY,
    Cell("close"),
    Cell("each", shape="data"),
    Cell("many", shape="data"),
    Cell("many", line_end="CRLF"),
    Cell("each", shape="data", line_end="CRLF"),
    Cell("many", line_end="CR"),
    Cell("many", text="other"),
    Cell("each", shape="retry"),
    Cell("many", data_bytes=500, data_lines=5, events=30_000),
    Cell("each", tls=True),
    Cell("each", data_bytes=KIB, events=30_000),
    Cell("many", data_bytes=KIB, events=30_000),
    Cell("length", data_bytes=KIB, events=30_000),
    Cell("each", data_bytes=100 * KIB, events=600, rounds=7),
    Cell("close", data_bytes=100 * KIB, events=600, rounds=7),
)
BY_NAME = {cell.name: cell for cell in MATRIX}
