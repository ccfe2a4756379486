"""Odd answers, byte for byte, and what is right: the one list for every reader."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from reconnecting_sse.transports.http1.head import HEAD_LIMIT
from reconnecting_sse.transports.troubles import Trouble


class End(Enum):
    """What the server does once it has sent its answer."""

    FIN = auto()  # over TLS: told by close_notify, too
    RESET = auto()
    OPEN = auto()  # it waits for the client to leave
    UNTOLD = auto()  # over TLS: a FIN that nobody vouches for


@dataclass(frozen=True, slots=True)
class OddAnswer:
    """The bytes of an answer, and what has to come of them.

    Attributes:
        body: All that is got of the body, in the end or before the trouble.
        trouble: How it fails; None is a proper end.
        detail: What the trouble says is wrong.
        has: A field that the response must have, unfolded.
        is_early: The server answers without having read the request's large body.
        refusal: What the proxy that gives this answer to CONNECT is said to have done.
    """

    name: str
    answer: bytes
    end: End
    body: bytes = b""
    trouble: Trouble | None = None
    detail: str = ""
    status: int = 200
    version: bytes = b"HTTP/1.1"
    has: bytes | None = None
    method: str = "GET"
    is_tls: bool = False
    is_early: bool = False
    refusal: str = ""


EVENT = b"id: 1\ndata: hello\n\n"
LINE = b"HTTP/1.1 200 OK\r\n"
TYPE = b"Content-Type: text/event-stream\r\n"
OK = LINE + TYPE
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
CHUNK = b"13\r\n" + EVENT + b"\r\n"
LAST = b"0\r\n\r\n"
LENGTH = OK + b"Content-Length: 19\r\n\r\n"
OLD = b"HTTP/1.0"
NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"
TOO_MANY = b"HTTP/1.1 429 Later\r\n"
WHY = b"Content-Length: 3\r\n\r\nwhy"
INTERIM_100 = b"HTTP/1.1 100 Continue\r\n\r\n"
ODD_199 = b"HTTP/1.1 199 Odd\r\nContent-Length: 3\r\n\r\n"
TLS_ALERT = b"\x15\x03\x01\0\x02\x02F"
TLS_HELLO = b"\x16\x03\n\0\x02\x02F"
COMPRESS = b"Content-Encoding: compress"
JUST_THE_LIMIT = OK + b"A: " + b"b" * (HEAD_LIMIT - len(OK) - 7)
BY_BYTE = b"".join(b"1\r\n%c\r\n" % byte for byte in EVENT)
IN_CAPITALS = b"1A\r\n" + EVENT + b": more\n\r\n"
FALSE_END = CHUNKED + CHUNK + b"99\r\n" + LAST


def whole(name, answer, end=End.OPEN, *, body=EVENT, **more):
    """An answer that is read to its proper end."""
    return OddAnswer(name, answer, end, body, **more)


def no_http(name, answer, detail, **more):
    """An answer that is refused by its head, however much longer it might go on."""
    return OddAnswer(name, answer, End.OPEN, b"", Trouble.NOT_HTTP, detail, **more)


def unanswered(name, answer, end=End.FIN, **more):
    """A connection that ends before the head does."""
    trouble = Trouble.RESET if end is End.RESET else Trouble.UNANSWERED
    return OddAnswer(name, answer, end, b"", trouble, **more)


def broken(name, answer, end=End.OPEN, *, body=EVENT, **more):
    """A body that is damaged or cut, after what came of it."""
    trouble = Trouble.LOSS if end is End.RESET else Trouble.FRAMING
    return OddAnswer(name, answer, end, body, trouble, **more)


def started(line):
    """An answer with this status line, whose body lasts until the close."""
    return line + b"\r\n" + TYPE + b"\r\n" + EVENT


def headed(*lines):
    """An answer with these lines in its head, whose body lasts until the close."""
    return LINE + b"".join(line + b"\r\n" for line in lines) + TYPE + b"\r\n" + EVENT


def behind(*lines, body=EVENT):
    """The same, with the lines behind the others."""
    return OK + b"".join(line + b"\r\n" for line in lines) + b"\r\n" + body


def coded(*values, body=CHUNK + LAST):
    return behind(*(b"Transfer-Encoding: " + value for value in values), body=body)


def counted(*values, body=EVENT):
    return behind(*(b"Content-Length: " + value for value in values), body=body)


def typed(value):
    return LINE + b"Content-Type: " + value + b"\r\n\r\n" + EVENT


def both(line):
    """Chunks, and another line in their head."""
    return behind(b"Transfer-Encoding: chunked", line, body=CHUNK + LAST)


def sized(line):
    """A good chunk, and one whose size line is this."""
    return CHUNKED + CHUNK + line + b"\r\n" + EVENT + b"\r\n" + LAST


NO_STATUS_LINE = "its first line is no status line of HTTP/1"
TOO_LARGE = f"its headers exceed {HEAD_LIMIT} bytes"
NO_NUMBER = "its Content-Length is not a number"
TWO_LENGTHS = "its Content-Length is told twice, and not the same"
OTHER_CODING = "its Transfer-Encoding is other than chunked"
DANGEROUS = "its header 'A' has a NUL or a lone CR"
NO_COLON = "number 1 of its headers has no colon"


def bad_name(shown):
    return f"its header {shown!r} has a malformed name"


STATUS_LINES = [
    whole("nothing but a status line", LINE + b"\r\n" + EVENT, End.FIN),
    whole("no reason", started(b"HTTP/1.1 200"), End.FIN),
    whole("no reason, but its blank", started(b"HTTP/1.1 200 "), End.FIN),
    whole("reason beyond ASCII", started(b"HTTP/1.1 200 D\xe9j\xc3\xa0"), End.FIN),
    whole("blanks in the status line", started(b"HTTP/1.1  200\tfine "), End.FIN),
    whole("HTTP/1.0", started(b"HTTP/1.0 200 OK"), End.FIN, version=b"HTTP/1.0"),
    whole("HTTP/1.2", started(b"HTTP/1.2 200 OK"), End.FIN),
    whole("HTTP/1.10", started(b"HTTP/1.10 200 OK"), End.FIN),
    whole("status 299", started(b"HTTP/1.1 299 Odd"), End.FIN, status=299),
    whole("status 600", started(b"HTTP/1.1 600 Odd"), End.FIN, status=600),
    whole("status 999", started(b"HTTP/1.1 999 Denied"), End.FIN, status=999),
    whole("blank line first", b"\r\n" + LENGTH + EVENT),
    whole("blank lines first, LF alone", b"\n\n\r\n\n" + LENGTH + EVENT),
    OddAnswer("a TLS alert", TLS_ALERT, End.OPEN, trouble=Trouble.TLS_ANSWER),
    OddAnswer("a TLS hello", TLS_HELLO, End.FIN, trouble=Trouble.TLS_ANSWER),
]

NO_STATUS_LINES = [
    no_http(name, answer, NO_STATUS_LINE)
    for name, answer in {
        "another protocol: SSH": b"SSH-2.0-OpenSSH_9.6\r\n",
        "another protocol: SMTP": b"220 mail.test ESMTP\r\n",
        "another protocol: Icecast": started(b"ICY 200 OK"),
        "another protocol: HTTP/2 frames": b"\0\0\x12\x04\0\0\0\0\0",
        "HTTP/0.9: no head at all": EVENT,
        "HTTP/0.9 said": started(b"HTTP/0.9 200 OK"),
        "HTTP/2 said": started(b"HTTP/2 200 OK"),
        "HTTP/2.0 said": started(b"HTTP/2.0 200 OK"),
        "http/1.1 in lower case": started(b"http/1.1 200 OK"),
        "blank before the status line": started(b" HTTP/1.1 200 OK"),
        "a request for an answer": b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "no version": started(b"200 OK"),
        "no minor version": started(b"HTTP/1 200 OK"),
        "empty minor version": started(b"HTTP/1. 200 OK"),
        "no status": started(b"HTTP/1.1"),
        "a reason for a status": started(b"HTTP/1.1 OK"),
        "status of 2 digits": started(b"HTTP/1.1 20 OK"),
        "status of 4 digits": started(b"HTTP/1.1 2000 OK"),
        "status below 100": started(b"HTTP/1.1 099 OK"),
        "status with a sign": started(b"HTTP/1.1 +20 OK"),
        "status and reason in one": started(b"HTTP/1.1 200OK"),
        "NUL in the reason": started(b"HTTP/1.1 200 O\0K"),
        "lone CR in the status line": started(b"HTTP/1.1\r200 OK"),
        "lone CRs for line ends": OK.replace(b"\r\n", b"\r") + b"\r\n",
        "UTF-8 mark first": b"\xef\xbb\xbf" + LENGTH + EVENT,
        "a body first": b"<html>\r\n" + LENGTH + EVENT,
        "100, then a body": INTERIM_100 + EVENT,
    }.items()
]

FIELDS = [
    whole(name, answer, End.FIN, has=has)
    for name, answer, has in [
        ("no framing", OK + b"\r\n" + EVENT, None),
        ("LF-only head", (OK + b"\r\n").replace(b"\r\n", b"\n") + EVENT, None),
        ("LF and CRLF mixed", b"HTTP/1.1 200 OK\nA: b\r\nC: d\n\r\n" + EVENT, None),
        ("blank before colon", headed(b"X-Powered-By : thing"), b"X-Powered-By: thing"),
        ("tab before colon", headed(b"A\t: b"), b"A: b"),
        (
            "control in a value",
            headed(b"Set-Cookie: a=b\x01c"),
            b"Set-Cookie: a=b\x01c",
        ),
        ("DEL in a value", headed(b"A: b\x7fc"), b"A: b\x7fc"),
        ("form feed in a value", headed(b"A: b\x0cc"), b"A: b\x0cc"),
        ("value beyond ASCII", headed(b"A: caf\xe9"), b"A: caf\xe9"),
        ("empty value", headed(b"A:"), b"A: "),
        ("value of blanks", headed(b"A: \t "), b"A: "),
        ("no blank behind colon", headed(b"A:b"), b"A: b"),
        ("blanks around a value", headed(b"A:\t b  "), b"A: b"),
        ("colons in a value", headed(b"A: b:c"), b"A: b:c"),
        ("odd but right name", headed(b"!#$%&'*+-.^_`|~: b"), b"!#$%&'*+-.^_`|~: b"),
        ("obs-fold", headed(b"X-Long: one", b" two"), b"X-Long: one two"),
        ("obs-fold by tab", headed(b"A: b", b"\t\tc"), b"A: b c"),
        ("obs-fold of blanks", headed(b"A: b", b"  "), b"A: b"),
        ("obs-fold like a field", headed(b"A: b", b" C: d"), b"A: b C: d"),
        ("obs-folds, LF alone", b"HTTP/1.1 200 OK\nA:\n b\n c\n\n" + EVENT, b"A: b c"),
        ("101 fields", behind(*(b"X-%d: v" % n for n in range(101))), b"X-100: v"),
        ("1000 fields", headed(*(b"X-%d: v" % n for n in range(1000))), b"X-999: v"),
        ("one field 300 times", headed(*[b"A: b"] * 300), b"A: b"),
        ("value of 60 KB", headed(b"A: " + b"b" * 60_000), None),
        ("name of 60 KB", headed(b"A" * 60_000 + b": b"), None),
        ("head of just the limit", JUST_THE_LIMIT + b"\r\n\r\n" + EVENT, None),
        ("connection upgrade", headed(b"Connection: upgrade", b"Upgrade: h2c"), None),
        ("connection close", headed(b"Connection: close"), None),
        # What these mean is for others to judge: the wire hands the bytes on.
        ("coding none", behind(b"Content-Encoding: none"), None),
        ("coding utf-8", behind(b"Content-Encoding: utf-8"), None),
        ("coding identity", behind(b"Content-Encoding: identity"), None),
        ("coding chunked", behind(b"Content-Encoding: chunked"), None),
        ("coding empty", behind(b"Content-Encoding:"), None),
        ("coding compress", behind(COMPRESS), COMPRESS),
        ("type list, same", typed(b"text/event-stream, text/event-stream"), None),
        ("type list, other first", typed(b"text/html, text/event-stream"), None),
        ("type twice", headed(b"Content-Type: text/html"), None),
        ("type of mail in parts", typed(b"multipart/mixed; boundary=a"), None),
    ]
]

MALFORMED_FIELDS = [
    no_http(name, answer, detail)
    for name, answer, detail in [
        ("no colon", headed(b"nonsense"), NO_COLON),
        ("no colon, and no end", LINE + b"nonsense\r\n", NO_COLON),
        ("no colon further down", behind(b"nonsense"), NO_COLON.replace("1", "2")),
        ("no colon in an interim answer", b"HTTP/1.1 100 C\r\nA\r\n", NO_COLON),
        ("second status line", LINE + started(LINE[:-2]), NO_COLON),
        ("empty name", headed(b": b"), bad_name("")),
        ("blank in a name", headed(b"A B: c"), bad_name("A")),
        ("control in a name", headed(b"A\x01: b"), bad_name("A?")),
        ("name beyond ASCII", headed(b"\xe9: b"), bad_name("?")),
        ("brackets in a name", headed(b"A(1): b"), bad_name("A(1)")),
        (
            "fold of nothing",
            headed(b" A: b"),
            "its first header line is a continuation",
        ),
        ("NUL in a value", headed(b"A: b\0c"), DANGEROUS),
        ("NUL in a fold", headed(b"A: b", b" \0"), DANGEROUS),
        ("lone CR in a value", headed(b"A: b\rC: d"), DANGEROUS),
        ("two CRs at a line's end", headed(b"A: b\r"), DANGEROUS),
    ]
]

ENDLESS_HEADS = [
    no_http(f"endless {name}", start + part * (HEAD_LIMIT // len(part) + 1), TOO_LARGE)
    for name, start, part in [
        ("fields", OK, b"X: y\r\n"),
        ("value", OK + b"A: ", b"b" * 100),
        ("name", OK, b"b" * 100),
        ("folds", OK + b"A: b\r\n", b" c\r\n"),
        ("reason", LINE[:-2], b"K" * 100),
        ("blank lines", b"", b"\r\n"),
        ("interim answers", b"", INTERIM_100),
    ]
]

INTERIM = [
    whole("100 first", INTERIM_100 + LENGTH + EVENT),
    whole("103 first", b"HTTP/1.1 103 Hints\r\nLink: a\r\n\r\n" + LENGTH + EVENT),
    whole("199 with fields first", ODD_199 + OK + b"\r\n" + EVENT, End.FIN),
    whole("a chunked 102 first", b"HTTP/1.1 102 P" + CHUNKED[15:] + LENGTH + EVENT),
    whole("100 of HTTP/1.0 first", b"HTTP/1.0 100 Continue\n\n" + LENGTH + EVENT),
    whole("a hundred of them first", INTERIM_100 * 100 + LENGTH + EVENT),
    whole("100, then blank lines", INTERIM_100 + b"\r\n\r\n" + LENGTH + EVENT),
    unanswered("100, then the end", INTERIM_100),
]

BODYLESS = [
    *(
        whole(f"{status} {name}", line + rest, body=b"", status=status)
        for status in (101, 204, 304)
        for line in [b"HTTP/1.1 %d Odd\r\n" % status]
        for name, rest in {
            "alone": b"\r\n",
            "with a length": b"Content-Length: 3\r\n\r\n",
            "with a bad length": b"Content-Length: x\r\n\r\n",
            "with a body": b"Content-Length: 3\r\n\r\nabc",
            "that is chunked": b"Transfer-Encoding: chunked\r\n\r\n" + CHUNK,
            "of an odd transfer coding": b"Transfer-Encoding: gzip\r\n\r\n",
            "that is coded": b"Content-Encoding: gzip\r\n\r\n",
        }.items()
    ),
    *(
        whole(f"HEAD, answered with {name}", answer, body=b"", method="HEAD")
        for name, answer in {
            "a length": LENGTH,
            "a body": LENGTH + EVENT,
            "chunks": CHUNKED,
            "no framing": OK + b"\r\n",
            "an odd transfer coding": coded(b"gzip"),
        }.items()
    ),
]

TRANSFER_CODINGS = [
    *(
        whole(name, answer)
        for name, answer in {
            "chunked": CHUNKED + CHUNK + LAST,
            "chunked in capitals": coded(b"CHUNKED"),
            "chunked in a list of one": coded(b", chunked ,"),
            "chunked in a fold": coded(b"\r\n chunked"),
            "chunked, and an empty field": coded(b"chunked", b""),
            "chunked and a length": both(b"Content-Length: 5"),
            "chunked and a bad length": both(b"Content-Length: x"),
            "chunked, blank before colon": both(b"A: b").replace(b"ing:", b"ing :"),
            "identity and a length": coded(
                b"identity\r\nContent-Length: 19", body=EVENT
            ),
        }.items()
    ),
    whole("chunked in HTTP/1.0", OLD + CHUNKED[8:] + CHUNK + LAST, version=OLD),
    whole("identity", coded(b"identity", body=EVENT), End.FIN),
    whole("empty transfer coding", coded(b"", body=EVENT), End.FIN),
    no_http("gzip, chunked; two fields", coded(b"gzip", b"chunked"), OTHER_CODING),
    no_http("chunked twice; two fields", coded(b"chunked", b"chunked"), OTHER_CODING),
    no_http("gzip and a length", coded(b"gzip\r\nContent-Length: 19"), OTHER_CODING),
    *(
        no_http(f"transfer coding {value}", coded(value.encode()), OTHER_CODING)
        for value in [
            "gzip",
            "gzip, chunked",
            "chunked, gzip",
            "chunked, identity",
            "identity, chunked",
            "chunked, chunked",
            "xchunked",
            "chunked;q=1",
            '"chunked"',
            "chunked chunked",
        ]
    ),
]

LENGTHS = [
    *(
        whole(f"length {name}", answer)
        for name, answer in {
            "alone": LENGTH + EVENT,
            "then more": LENGTH + EVENT + b"data: not ours\n\n",
            "then another answer": LENGTH + EVENT + LENGTH + EVENT,
            "twice": counted(b"19", b"19"),
            "twice in a list": counted(b"19, 19"),
            "thrice, with zeros": counted(b"19,019", b"00019"),
            "in a list with nothing": counted(b",19,"),
            "in a fold": counted(b"\r\n\t19"),
            "after 5000 zeros": counted(b"0" * 5000 + b"19"),
        }.items()
    ),
    whole("length of nothing", counted(b"0", body=b""), body=b""),
    whole("length of nothing, then more", counted(b"0"), body=b""),
    whole("length that is empty", counted(b""), End.FIN),
    broken("length of 19 digits", counted(b"9223372036854775807"), End.FIN),
    broken("length of 20 digits", counted(b"18446744073709551616"), End.FIN),
    broken("length of 30 digits", counted(b"9" * 30), End.FIN),
    broken("length of 5000 digits", counted(b"9" * 5000), End.FIN),
    no_http("lengths that differ", counted(b"19", b"20"), TWO_LENGTHS),
    no_http("lengths that differ in a list", counted(b"19, 20"), TWO_LENGTHS),
    *(
        no_http(f"length {value}", counted(value.encode("latin-1")), NO_NUMBER)
        for value in [
            "+19",
            "-19",
            "1_9",
            "0x13",
            "19.0",
            "1 9",
            "19;",
            "nineteen",
            "1\xb2",
            "19, x",
            '"19"',
        ]
    ),
]

CHUNKS = [
    *(
        whole(f"chunk size {name}", sized(line), body=EVENT + EVENT)
        for name, line in {
            "of many zeros": b"0" * 40 + b"13",
            "with blanks behind": b"13 \t ",
            "with an extension": b"13;a=b",
            "with a quoted extension": b'13;a="b; c";d',
            "with a blank before an extension": b"13 ;a=b",
            "with a quoted extension beyond ASCII": b'13;a="\xe9"',
        }.items()
    ),
    *(
        broken(f"chunk size {name}", sized(line))
        for name, line in {
            "+13": b"+13",
            "-13": b"-13",
            "0x13": b"0x13",
            "1_3": b"1_3",
            "that is empty": b"",
            "with a blank before": b" 13",
            "with a blank within": b"1 3",
            "of no hexadecimal digit": b"g",
            "of 17 digits": b"1" * 17,
            "of an event's field": b"data: x",
            "beyond ASCII": b"\xb2",
            "with a comma": b"13,",
            "with NUL": b"13\0",
            "with a lone CR": b"13\r",
            "with an extension beyond ASCII": b"13;a=\xe9",
            # RFC 9112, section 7.1.1 allows it; llhttp does not.
            "with a blank within an extension": b"13; a=b",
        }.items()
    ),
    *(
        whole(f"chunks {name}", CHUNKED + CHUNK + rest)
        for name, rest in {
            "and zeros for the last": b"0000\r\n\r\n",
            "and an extension of the last": b"0;a=b\r\n\r\n",
            "and trailers": b"0\r\nA: b\r\nC: d\r\n\r\n",
            "and a trailing length": b"0\r\nContent-Length: 5\r\n\r\n",
            "and a trailing coding": b"0\r\nTransfer-Encoding: gzip\r\n\r\n",
            "and a folded trailer": b"0\r\nA: b\r\n c\r\n\r\n",
            "and trailers, then more": b"0\r\nA: b\r\n\r\n" + CHUNK,
            "then another answer": LAST + LENGTH + EVENT,
            "then nonsense": LAST + b"\0nonsense",
            "then blank lines": LAST + b"\r\n\n",
        }.items()
    ),
    *(
        broken(f"chunks {name}", CHUNKED + CHUNK + rest)
        for name, rest in {
            "and a trailer without colon": b"0\r\nnonsense\r\n\r\n",
            "and trailers without end": b"0\r\n" + b"A: b\r\n" * 15_000,
            "and an extension without end": b"13;" + b"a" * 90_000,
            "and a size without end": b"0" * 90_000,
            "and an answer within": OK,
            "and LF for a CRLF": b"13\n" + EVENT + b"\r\n" + LAST,
        }.items()
    ),
    whole("chunk of one byte each", CHUNKED + BY_BYTE + LAST),
    whole("chunk in capitals", CHUNKED + IN_CAPITALS + LAST, body=EVENT + b": more\n"),
    whole("chunks of nothing", CHUNKED + LAST, body=b""),
    broken("chunk size +14", CHUNKED + b"+14\r\n" + EVENT + b"\n\r\n" + LAST, body=b""),
    broken("chunk longer than said", CHUNKED + b"13\r\n" + EVENT + b"!\r\n" + LAST),
    broken("chunk without its CRLF", CHUNKED + CHUNK[:-2] + LAST),
    broken("chunk with LF for its CRLF", CHUNKED + CHUNK[:-2] + b"\n" + LAST),
    broken("no chunks at all", CHUNKED + EVENT, body=b""),
]

ENDS = [
    *(
        unanswered(f"the end behind {name}", answer)
        for name, answer in {
            "nothing": b"",
            "blank lines": b"\r\n\r\n",
            "half a version": b"HT",
            "half a status line": b"HTTP/1.1 20",
            "a status line": LINE,
            "half a head": OK,
            "a head but its last LF": OK + b"\r",
        }.items()
    ),
    unanswered("a reset behind nothing", b"", End.RESET),
    unanswered("a reset behind half a head", OK, End.RESET),
    whole("the end behind a head", OK + b"\r\n", End.FIN, body=b""),
    whole("the end behind the length", LENGTH + EVENT, End.FIN),
    whole("a reset behind the length", LENGTH + EVENT, End.RESET),
    whole("a reset behind all chunks", CHUNKED + CHUNK + LAST, End.RESET),
    broken("a reset until the close", OK + b"\r\n" + EVENT, End.RESET),
    broken("a reset within the length", counted(b"99"), End.RESET),
    broken("a reset before the last chunk", CHUNKED + CHUNK, End.RESET),
    broken("a reset within the trailers", CHUNKED + CHUNK + b"0\r\n", End.RESET),
    broken("the end within the length", counted(b"99"), End.FIN),
    broken("the end before any length", LENGTH, End.FIN, body=b""),
    broken("the end before any chunk", CHUNKED, End.FIN, body=b""),
    broken("the end within a chunk's CRLF", CHUNKED + CHUNK[:-1], End.FIN),
    broken("the end behind a chunk's bytes", CHUNKED + CHUNK[:-2], End.FIN),
    *(
        broken(f"the end within {name}", CHUNKED + CHUNK + rest, End.FIN)
        for name, rest in {
            "the chunks": b"",
            "a size": b"1",
            "a size line's CRLF": b"13\r",
            "a chunk, before its bytes": b"13\r\n",
            "an extension": b"0;a",
            "the last chunk's size": b"0",
        }.items()
    ),
    broken("the end of a likely chunk", FALSE_END, End.FIN, body=EVENT + LAST),
    *(
        whole(f"the end within the end: {name}", CHUNKED + CHUNK + rest, End.FIN)
        for name, rest in {
            "behind the last chunk": b"0\r\n",
            "the last CRLF": b"0\r\n\r",
            "a trailer's name": b"0\r\nA",
            "a trailer's value": b"0\r\nA: b",
            "a trailer's CRLF": b"0\r\nA: b\r",
            "behind a trailer": b"0\r\nA: b\r\n",
        }.items()
    ),
]

TLS = {"is_tls": True}

TLS_ENDS = [
    whole("TLS: until its end is told", OK + b"\r\n" + EVENT, End.FIN, **TLS),
    whole("TLS: a length, untold", LENGTH + EVENT, End.UNTOLD, **TLS),
    whole("TLS: all chunks, untold", CHUNKED + CHUNK + LAST, End.UNTOLD, **TLS),
    # RFC 9112, section 9.8: the zero-sized chunk is all that it takes.
    whole("TLS: no last CRLF, untold", CHUNKED + CHUNK + LAST[:-2], End.UNTOLD, **TLS),
    whole("TLS: all chunks, and open", CHUNKED + CHUNK + LAST, **TLS),
    whole("TLS: 204, untold", NO_CONTENT, End.UNTOLD, body=b"", status=204, **TLS),
    broken("TLS: until an end, untold", OK + b"\r\n" + EVENT, End.UNTOLD, **TLS),
    broken("TLS: no body, untold", OK + b"\r\n", End.UNTOLD, body=b"", **TLS),
    whole("TLS: within the last CRLF", CHUNKED + CHUNK + LAST[:-1], End.FIN, **TLS),
    broken("TLS: within a length", counted(b"99"), End.FIN, **TLS),
    broken("TLS: within a length, untold", counted(b"99"), End.UNTOLD, **TLS),
    broken("TLS: within the chunks", CHUNKED + CHUNK, End.FIN, **TLS),
    broken("TLS: within the chunks, untold", CHUNKED + CHUNK, End.UNTOLD, **TLS),
    unanswered("TLS: nothing", b"", **TLS),
    unanswered("TLS: nothing, untold", b"", End.UNTOLD, **TLS),
    unanswered("TLS: half a head, untold", OK, End.UNTOLD, **TLS),
    no_http("TLS: another protocol", b"220 mail.test\r\n", NO_STATUS_LINE, **TLS),
]


def early(name, answer, end=End.OPEN, *, body=b"why", status=429):
    """An answer to a large body that has not been read."""
    more = {"status": status, "method": "POST", "is_early": True}
    return whole(f"early: {name}", answer, end, body=body, **more)


EARLY = [
    early("a length", TOO_MANY + WHY),
    early("a length, and a reset", TOO_MANY + WHY, End.RESET),
    early("a length, and the end", TOO_MANY + WHY, End.FIN),
    early("100 first", INTERIM_100 + TOO_MANY + WHY),
    early("chunks", CHUNKED.replace(LINE, TOO_MANY) + b"3\r\nwhy\r\n" + LAST),
    early("until the close", TOO_MANY + b"\r\nwhy", End.FIN),
    early("no body", NO_CONTENT, body=b"", status=204),
    early("an event", LENGTH + EVENT, body=EVENT, status=200),
]

NO_PROXY = "did not answer as a proxy should"
CLOSED = "closed the connection instead of opening one"
WAY = b"HTTP/1.1 200 Connection established\r\n"

PROXIES = [
    OddAnswer(f"proxy: {name}", answer, end, refusal=refusal)
    for name, answer, end, refusal in [
        ("407", b"HTTP/1.1 407 Who\r\n\r\n", End.OPEN, "refused to connect to"),
        ("403 with a body", b"HTTP/1.1 403 No\r\n\r\nwhy", End.FIN, ": 403 No; "),
        ("502 without reason", b"HTTP/1.0 502\r\n\r\n", End.OPEN, ": 502; "),
        ("302, LF alone", b"HTTP/1.1 302 Found\nA: b\n\n", End.OPEN, ": 302 Found; "),
        (
            "103, then 503",
            b"HTTP/1.1 103 E\r\n\r\nHTTP/1.1 503 L\r\n\r\n",
            End.OPEN,
            ": 503",
        ),
        (
            "control in the reason",
            b"HTTP/1.1 403 A\x1bB\r\n\r\n",
            End.OPEN,
            ": 403 A B;",
        ),
        ("101", b"HTTP/1.1 101 Switching\r\n\r\n", End.FIN, NO_PROXY),
        ("bytes behind the head", WAY + b"\r\n" + EVENT, End.OPEN, NO_PROXY),
        ("another protocol", b"SSH-2.0-x\r\n\r\n", End.OPEN, NO_PROXY),
        ("another version", b"HTTP/2 200\r\n\r\n", End.OPEN, NO_PROXY),
        ("no status", b"HTTP/1.1 OK\r\n\r\n", End.OPEN, NO_PROXY),
        ("endless fields", WAY + b"X: y\r\n" * 20_000, End.OPEN, NO_PROXY),
        ("nothing", b"", End.FIN, CLOSED),
        ("half a status line", b"HTTP/1.1 200 O", End.FIN, CLOSED),
        ("half a head", WAY, End.FIN, CLOSED),
        ("100, then the end", INTERIM_100, End.FIN, CLOSED),
    ]
]

ODD_ANSWERS = [
    *STATUS_LINES,
    *NO_STATUS_LINES,
    *FIELDS,
    *MALFORMED_FIELDS,
    *ENDLESS_HEADS,
    *INTERIM,
    *BODYLESS,
    *TRANSFER_CODINGS,
    *LENGTHS,
    *CHUNKS,
    *ENDS,
    *TLS_ENDS,
    *EARLY,
    *PROXIES,
]
