"""Nothing is compressed unless asked for; and a silence then says what it may be."""

from __future__ import annotations

import zlib

import pytest
from tenacity import stop_after_attempt

from reconnecting_sse import ReconnectionExhausted, StreamInterrupted
from reconnecting_sse.testing import Answer, Hang, Raw, ScriptedServer
from reconnecting_sse.transports.codings.codings import offered_codings
from tests.connection_harness import FACES, data_of, new_client, new_source, reader_for
from tests.faces import ASYNC, SYNC, FakeTransport, on_both_faces, reply

ONE = Answer(body="data: 1\n\n")
OFFERED = ", ".join(offered_codings())


@pytest.fixture(params=FACES)
def face(request):
    return request.param


def asked(face, *, client=None, **options):
    """What a source's request offered."""
    with ScriptedServer([ONE]) as server, reader_for(face) as reader:
        client = client and new_client(face, headers=client)
        source = new_source(face, server.url, client=client, **options)
        assert data_of(reader.take(source, 1)) == ["1"]
        reader.leave(source)
    (request,) = server.requests
    return [v for name, v in request.headers if name.lower() == "accept-encoding"]


def test_a_subscription_asks_for_nothing_compressed(face):
    assert asked(face) == ["identity"]


def test_with_compress_it_asks_for_what_can_be_decoded(face):
    assert asked(face, compress=True) == [OFFERED]


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize(
    "name", ["Accept-Encoding", "accept-encoding", "ACCEPT-encoDing"]
)
def test_the_callers_own_word_counts(face, name, compress):
    own = {name: "gzip;q=0.5"}
    assert asked(face, headers=own, compress=compress) == ["gzip;q=0.5"]
    assert asked(face, client=own, compress=compress) == ["gzip;q=0.5"]
    other = {"Accept-Encoding": "br"}
    assert asked(face, client=other, headers=own, compress=compress) == ["gzip;q=0.5"]


def test_what_httpxr_offers_unasked_is_not_the_callers_word(face):
    httpxrs = {"accept-ENCODING": "gzip, deflate, br, zstd"}
    assert asked(face, client=httpxrs) == ["identity"]
    assert asked(face, client=httpxrs, compress=True) == [OFFERED]


def test_prepare_may_ask_for_something_else(face):
    def prepare(request, _attempt):
        assert (b"Accept-Encoding", b"identity") in request.defaults
        return request.with_headers({"accept-encoding": "gzip"})

    assert asked(face, prepare=prepare) == ["gzip"]


@pytest.mark.parametrize("compress", [False, True])
def test_another_origin_is_asked_for_the_same_as_the_first_one(face, compress):
    to = Answer(307, headers=[("Location", "{other}/")], framing="length")
    with ScriptedServer([to, ONE]) as server, reader_for(face) as reader:
        source = new_source(face, server.url, compress=compress)
        assert data_of(reader.take(source, 1)) == ["1"]
        reader.leave(source)
    offered = [request.header("accept-encoding") for request in server.requests]
    assert offered == [OFFERED if compress else "identity"] * 2


@pytest.mark.parametrize("compress", [False, True])
def test_a_transport_that_decodes_nothing_is_asked_for_nothing_compressed(
    face, compress
):
    transport = FakeTransport(reply(body=[b"data: 1\n\n"]))
    of = {"sync": SYNC, "async": ASYNC}[face]
    client = of.client(transport=transport)
    with reader_for(face) as reader:
        source = new_source(face, "http://feed.test/", client=client, compress=compress)
        assert data_of(reader.take(source, 1)) == ["1"]
        reader.leave(source)
    assert transport.requests[0].header("accept-encoding") == "identity"


@on_both_faces
@pytest.mark.parametrize("own", ["gzip", "gzip, deflate, br, zstd", "identity;q=0, *"])
def test_connect_sse_asks_for_what_its_headers_say(face, own):
    with ScriptedServer([ONE] * 2) as server:
        face.ask(face.client(), "GET", server.url)
        face.ask(face.client(), "GET", server.url, headers={"accept-Encoding": own})
        offered = [request.header("accept-encoding") for request in server.requests]
    assert offered == ["identity", own]


# ------------------------------------------------------------------ silence


def unflushed(wbits):
    """What a server that never flushes has sent after two events and a heartbeat."""
    packer = zlib.compressobj(wbits=wbits)
    return b"".join(map(packer.compress, [b"data: 1\n\n", b":\n\n", b"data: 2\n\n"]))


def refusal_of(face, step, **options):
    """Why one attempt failed, or the stream it opened."""
    with ScriptedServer([step]) as server, reader_for(face) as reader:
        source = new_source(face, server.url, stop=stop_after_attempt(1), **options)
        with pytest.raises(ReconnectionExhausted) as caught:
            reader.take(source)
    return caught.value.__cause__


@pytest.mark.parametrize(("coding", "wbits"), [("gzip", 31), ("deflate", 15)])
def test_the_silence_of_a_compressed_stream_says_what_it_may_be(face, coding, wbits):
    head = (
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
        f"Content-Encoding: {coding}\r\n\r\n"
    )
    step = Raw(head.encode() + unflushed(wbits), end="hang")
    error = refusal_of(face, step, compress=True, idle_timeout=0.2)
    assert isinstance(error, StreamInterrupted)
    assert (
        f"sent nothing for 0.2 s of a {coding} stream: a server that compresses"
        " without flushing holds events back; " in str(error)
    )


def test_a_head_that_is_held_back_says_so_too_where_compression_was_asked_for(face):
    step = Hang()
    plain = str(refusal_of(face, step, header_timeout=0.2))
    offered = str(refusal_of(face, step, header_timeout=0.2, compress=True))
    assert "compress" not in plain
    assert "a server that compresses without flushing" in offered.lower()
