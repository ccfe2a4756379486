"""Documents from lines and events, in every cut."""

from __future__ import annotations

import json

import pytest
from httpxr.sse import ServerSentEvent

from reconnecting_sse import EventTooLarge
from reconnecting_sse.core.documents import JSONDocuments, LineDecoder
from reconnecting_sse.testing import Answer, ScriptedServer
from tests.faces import on_both_faces

NDJSON = [("Content-Type", "application/x-ndjson; charset=utf-8")]


def lines_of(*chunks, limit=100):
    decoder = LineDecoder(limit)
    lines = [line for chunk in chunks for line in decoder.feed(chunk)]
    return [*lines, decoder.end()]


# ------------------------------------------------------------------ lines


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_any_cut_gives_the_same_lines(size):
    data = '{"a": "é€"}\r\n\n[1]\n"\u2028"\nlast'.encode()
    chunks = [data[n : n + size] for n in range(0, len(data), size)]
    assert lines_of(*chunks) == ['{"a": "é€"}', "", "[1]", '"\u2028"', "last"]


def test_nothing_is_left_after_a_line_end():
    assert lines_of(b"a\n") == ["a", ""]
    assert lines_of() == [""]


def test_invalid_bytes_are_replaced():
    assert lines_of(b"\xff\n") == ["\ufffd", ""]


@pytest.mark.parametrize("cut", [1, 3, 9])
def test_a_line_longer_than_the_limit_is_refused_in_any_cut(cut):
    decoder = LineDecoder(8)
    data = b"123456789"
    assert decoder.feed(b"12345678\n") == ["12345678"]
    pieces = [data[n : n + cut] for n in range(0, len(data), cut)]
    with pytest.raises(EventTooLarge, match="larger than 8 bytes"):
        list(map(decoder.feed, pieces))
    with pytest.raises(EventTooLarge):
        decoder.feed(b"")


def test_the_lines_before_one_too_long_come_first():
    decoder = LineDecoder(4)
    assert decoder.feed(b"1\n2\n12345\n3\n") == ["1", "2"]
    with pytest.raises(EventTooLarge):
        decoder.feed(b"\n")


# ------------------------------------------------------------------ documents


def test_blank_texts_are_skipped_and_done_ends_it():
    done = []
    documents = JSONDocuments("line", lambda: done.append(True))
    assert documents.parse("") == ()
    assert documents.parse(" \t") == ()
    assert documents.parse("null") == (None,)
    assert documents.parse(ServerSentEvent(data='{"a": 1}')) == ({"a": 1},)
    assert not documents.is_done
    assert documents.parse(" [DONE] ") == ()
    assert documents.is_done
    assert done == [True]


def test_what_is_not_json_says_where_it_is():
    documents = JSONDocuments("line")
    documents.parse("1")
    documents.parse("")
    with pytest.raises(json.JSONDecodeError) as caught:
        documents.parse('{"a": x}')
    assert str(caught.value).startswith("line 3 of the stream is not JSON: Expecting")
    assert (caught.value.doc, caught.value.pos) == ('{"a": x}', 6)
    assert documents.parse("2") == (2,)


def test_a_number_beyond_pythons_digits_is_told_in_the_same_way():
    with pytest.raises(json.JSONDecodeError, match="event 1 of the stream is not JSON"):
        JSONDocuments("event").parse("1" * 5000)


# ------------------------------------------------------------------ streams


@on_both_faces
@pytest.mark.parametrize(
    "kind",
    [
        "application/x-ndjson",
        "application/ndjson",
        "Application/JSONL; charset=utf-8",
        "application/x-jsonlines",
        "application/json-lines",
        "application/stream+json",
    ],
)
def test_ndjson_is_one_document_a_line_by_content_type(face, kind):
    headers = [("Content-Type", kind)]
    body = ['{"a"', ": 1}\n\n", '{"b": 2}\r\n[', "3]"]
    with face.streamed(Answer(headers=headers, body=body)) as connected:
        assert list(connected.documents()) == [{"a": 1}, {"b": 2}, [3]]
        assert list(connected.documents()) == []


@on_both_faces
def test_an_event_stream_is_one_document_an_event(face):
    body = 'data: {"a":\ndata: 1}\n\n: note\n\ndata:\n\nid: 5\ndata: "é"\n\n'
    with face.streamed(Answer(body=body)) as connected:
        assert list(connected.documents()) == [{"a": 1}, "é"]


@on_both_faces
@pytest.mark.parametrize("headers", [NDJSON, [("Content-Type", "text/event-stream")]])
def test_done_ends_the_documents_though_the_stream_goes_on(face, headers):
    is_lines = headers is NDJSON
    texts = ["1", "[DONE]", "2"]
    body = [f"{t}\n" if is_lines else f"data: {t}\n\n" for t in texts]
    with ScriptedServer([Answer(headers=headers, body=body, end="hang")]) as server:
        with face.connect(face.client(), "GET", server.url) as connected:
            assert list(connected.documents()) == [1]
            assert list(connected.documents()) == []
        assert server.requests[0].closed_by_client.wait(5)


@on_both_faces
def test_iterating_again_goes_on_after_what_was_not_json(face):
    body = "1\noops\n2\n3\n"
    with face.streamed(Answer(headers=NDJSON, body=body)) as connected:
        documents = connected.documents()
        assert next(documents) == 1
        with pytest.raises(json.JSONDecodeError, match="line 2 of the stream"):
            next(documents)
        assert next(documents) == 2
        assert list(connected.documents()) == [3]


@on_both_faces
def test_a_line_that_never_ends_is_refused_and_the_ones_before_it_are_not(face):
    def body():
        yield "1\n"
        for _ in range(17):
            yield "x" * 1024 * 1024

    answer = Answer(headers=NDJSON, body=body(), end="hang")
    with face.streamed(answer) as connected:
        documents = connected.documents()
        assert next(documents) == 1
        with pytest.raises(EventTooLarge):
            next(documents)
        with pytest.raises(EventTooLarge):
            next(connected.documents())


@on_both_faces
def test_what_is_nested_too_deep_is_no_json(face):
    body = "data: " + "[" * 100_000 + "\n\n"
    with (
        face.streamed(Answer(body=body)) as connected,
        pytest.raises(json.JSONDecodeError, match=r"event 1 .* nested too deep"),
    ):
        list(connected.documents())
