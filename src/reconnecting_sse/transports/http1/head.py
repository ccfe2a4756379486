"""A response's head: bytes go in, and a head, a fault or the wish for more come out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconnecting_sse.core.headers import TOKEN
from reconnecting_sse.transports.http1.faults import MalformedError

if TYPE_CHECKING:
    from typing import Self

    from reconnecting_sse.core.headers import Fields
    from reconnecting_sse.transports.http1.faults import Fault

HEAD_LIMIT = 65536
"""Bytes of head, interim responses and blank lines included, that are accepted."""

_INTERIM = frozenset(range(100, 200)) - {101}

_BEGINNING = b"HTTP/1."
# A reason may be missing; a NUL or a lone CR is in no line (RFC 9112, section 2.2).
_STATUS_LINE = re.compile(
    rb"HTTP/1\.([0-9]+)[ \t]+([1-9][0-9]{2})(?:[ \t]([^\x00\r]*))?"
)
# RFC 9110, section 5.5: these two are dangerous in a value; other controls are taken.
_DANGEROUS = re.compile(rb"[\x00\r]")
_UNSHOWN = re.compile(rb"[^\x20-\x7e]")
_SHOWN = 60

# An alert, or a handshake; one byte of either tells nothing yet.
_TLS_RECORDS = (b"\x15\x03", b"\x16\x03")
_UNDECIDED = (b"\r", b"\x15", b"\x16")


@dataclass(frozen=True, slots=True)
class Head:
    """A final response's status line and fields, as they came.

    Attributes:
        version: ``HTTP/1.1`` for every later 1.x, too.
        fields: Their values unfolded, and without blanks around them.
    """

    version: bytes
    status: int
    reason: bytes
    fields: Fields

    def values(self, name: bytes) -> list[bytes]:
        """The values of all fields of that name, in any case."""
        wanted = name.lower()
        return [value for known, value in self.fields if known.lower() == wanted]

    def members(self, name: bytes) -> list[str]:
        """The same as one list (RFC 9110, section 5.6.1), in lower case."""
        whole = b",".join(self.values(name)).decode("latin-1").lower()
        return [member for part in whole.split(",") if (member := part.strip(" \t"))]


class HeadReader:
    """Reads as far as the final response's head, in time linear in its bytes.

    Attributes:
        rest: What has come behind the head: the body's first bytes.
    """

    def __init__(self) -> None:
        self.rest: bytes = b""
        self._held = bytearray()
        self._searched = 0  # where no line ends: a dripped line is quadratic otherwise
        self._taken = 0
        self._draft: _Draft | None = None

    @property
    def has_begun(self) -> bool:
        """Whether any byte has come."""
        return bool(self._taken or self._held)

    def receive(self, data: bytes) -> Head | Fault | None:
        """What the bytes so far amount to; None says that more are needed.

        Nothing may be received after a head or a fault.
        """
        self._held += data
        try:
            return self._read()
        except MalformedError as error:
            return error.fault

    def _read(self) -> Head | None:
        while (end := self._held.find(b"\n", self._searched)) >= 0:
            head = self._receive_line(self._take_line(end))
            if head is not None:
                self.rest, self._held = bytes(self._held), bytearray()
                return head
        self._searched = len(self._held)
        if self._draft is None:
            _check_beginning(self._held)
        self._check_size(len(self._held))
        return None

    def _take_line(self, end: int) -> bytes:
        line = bytes(self._held[:end])
        del self._held[: end + 1]
        self._searched = 0
        self._taken += end + 1
        self._check_size(0)
        return line.removesuffix(b"\r")

    def _check_size(self, unfinished: int) -> None:
        if self._taken + unfinished > HEAD_LIMIT:
            raise MalformedError(f"its headers exceed {HEAD_LIMIT} bytes")

    def _receive_line(self, line: bytes) -> Head | None:
        if self._draft is None:
            # RFC 9112, section 2.2: blank lines before a message are passed over.
            self._draft = _Draft.begun_by(line) if line else None
            return None
        if line:
            self._draft.add(line)
            return None
        head, self._draft = self._draft.finished(), None
        return None if head.status in _INTERIM else head


def _check_beginning(held: bytes | bytearray) -> None:
    """Refuse what no status line can come of, however it goes on."""
    if held.startswith(_TLS_RECORDS):
        raise MalformedError("it is a TLS record", is_tls=True)
    start = held[: len(_BEGINNING)]
    if not _BEGINNING.startswith(start) and held not in _UNDECIDED:
        raise _no_status_line()


def _no_status_line() -> MalformedError:
    return MalformedError("its first line is no status line of HTTP/1")


class _Draft:
    """A head whose last line has not come yet."""

    def __init__(self, version: bytes, status: int, reason: bytes) -> None:
        self._version = version
        self._status = status
        self._reason = reason
        self._fields: list[tuple[bytes, list[bytes]]] = []

    @classmethod
    def begun_by(cls, line: bytes) -> Self:
        _check_beginning(line)
        match = _STATUS_LINE.fullmatch(line)
        if match is None:
            raise _no_status_line()
        is_old = not match[1].strip(b"0")
        reason = (match[3] or b"").strip(b" \t")
        return cls(b"HTTP/1.0" if is_old else b"HTTP/1.1", int(match[2]), reason)

    def add(self, line: bytes) -> None:
        if line.startswith((b" ", b"\t")):
            name, value = self._last_name(), line
            self._fields[-1][1].append(value)
        else:
            name, value = self._split(line)
            self._fields.append((name, [value]))
        if _DANGEROUS.search(value):
            raise MalformedError(f"its header {_shown(name)} has a NUL or a lone CR")

    def _last_name(self) -> bytes:
        if not self._fields:
            raise MalformedError("its first header line is a continuation")
        return self._fields[-1][0]

    def _split(self, line: bytes) -> tuple[bytes, bytes]:
        name, colon, value = line.partition(b":")
        # RFC 9112, section 5.1 forbids a blank before the colon, and devices send it.
        name = name.rstrip(b" \t")
        if not colon:
            number = len(self._fields) + 1
            raise MalformedError(f"number {number} of its headers has no colon")
        if not TOKEN.fullmatch(name):
            raise MalformedError(f"its header {_shown(name)} has a malformed name")
        return name, value

    def finished(self) -> Head:
        # RFC 9112, section 5.2: a fold, with the blanks around it, is one space.
        fields = [
            (name, b" ".join(part.strip(b" \t") for part in parts).strip(b" "))
            for name, parts in self._fields
        ]
        return Head(self._version, self._status, self._reason, fields)


def _shown(name: bytes) -> str:
    """A name that may be anything: no more than its first word, safe to print.

    A server may echo what was secret in our request.
    """
    return repr(_UNSHOWN.sub(b"?", name[:_SHOWN].partition(b" ")[0]).decode())
