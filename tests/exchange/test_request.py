"""The request as the caller describes it, and the URL and headers it comes to."""

from __future__ import annotations

from dataclasses import replace

import httpxr
import pytest

from reconnecting_sse.core.cursor import LAST_EVENT_ID
from reconnecting_sse.core.headers import header_text, merged
from reconnecting_sse.exchange.client import ClientSettings
from reconnecting_sse.exchange.hop import first_hop
from reconnecting_sse.exchange.request import (
    INHERIT,
    fields_of,
    read_back,
    request_of,
    written,
)
from reconnecting_sse.lifecycle import Attempt
from reconnecting_sse.testing import Answer, ScriptedServer
from tests.faces import asked, on_both_faces

URL = "http://feed.test/events"


def asked_once(face, url=URL, method="GET", **options):
    (request,) = asked(face, url, method, **options)
    return request


# ------------------------------------------------------------------ keywords


@on_both_faces
def test_an_unknown_keyword_is_refused_by_name(face):
    with pytest.raises(TypeError, match="bogus, colour"):
        asked(face, URL, colour="red", bogus=1)


def test_the_method_is_upper_case_and_the_body_is_what_was_given():
    request = request_of("post", URL, {"json": None, "data": {"a": "1"}})
    assert request.method == "POST"
    assert request.body == {"data": {"a": "1"}}
    assert request.auth is INHERIT
    assert repr(INHERIT) == "INHERIT"


def test_the_callers_keywords_are_left_as_they_were():
    headers, extensions = {"A": "1"}, {"x": 1}
    keywords = {"headers": headers, "extensions": extensions}
    request_of("GET", URL, keywords)
    assert keywords == {"headers": {"A": "1"}, "extensions": {"x": 1}}


# ------------------------------------------------------------------ headers


@pytest.mark.parametrize(
    "headers",
    [
        {"A": "é", "B": "2"},
        {b"A": "é".encode(), b"B": b"2"},
        [("A", "é"), ("B", 2)],
        (("A", "é"), (b"B", "2")),
        httpxr.Headers([("A", "é"), ("B", "2")]),
        iter([("A", "é"), ("B", "2")]),
    ],
    ids=["dict", "bytes", "list", "tuple", "Headers", "iterator"],
)
def test_headers_come_in_any_form(headers):
    assert fields_of(headers) == [(b"A", b"\xc3\xa9"), (b"B", b"2")]


def test_no_headers_are_no_fields():
    assert fields_of(None) == []


def test_a_header_without_a_value_is_refused():
    with pytest.raises(TypeError, match="leave the header out"):
        fields_of({"A": None})


def test_a_later_layer_replaces_a_name_in_any_case_and_keeps_its_own_repeats():
    below = [(b"Accept", b"1"), (b"X", b"2")]
    above = [(b"ACCEPT", b"3"), (b"accept", b"4")]
    assert merged(below, above) == [(b"X", b"2"), *above]


def test_a_value_is_text_as_utf8_or_else_latin1():
    assert header_text("é".encode()) == "é"
    assert header_text(b"\xe9") == "é"


@on_both_faces
def test_an_event_stream_is_asked_for_and_nothing_may_be_stored(face):
    request = asked_once(face)
    assert request.header("accept") == "text/event-stream"
    assert request.header("cache-control") == "no-store"


@on_both_faces
@pytest.mark.parametrize("name", ["accept", "ACCEPT", "Accept"])
def test_the_caller_may_say_accept_in_any_letter_case(face, name):
    request = asked_once(face, headers={name: "application/x-ndjson"})
    assert request.header("accept") == "application/x-ndjson"


@on_both_faces
def test_a_clients_own_cache_control_counts_and_the_requests_counts_more(face):
    client = {"headers": {"CACHE-control": "max-age=1"}}
    assert asked_once(face, client=client).header("cache-control") == "max-age=1"
    request = asked_once(face, client=client, headers={"Cache-Control": "no-cache"})
    assert request.header("cache-control") == "no-cache"


@on_both_faces
def test_what_a_client_sends_unasked_is_not_its_choice(face):
    request = asked_once(face)
    names = [name for name, _ in request.fields]
    assert sorted(names) == [
        b"accept",
        b"accept-encoding",
        b"cache-control",
        b"host",
        b"user-agent",
    ]


@on_both_faces
def test_repeated_headers_and_utf8_values_arrive_as_given(face):
    headers = [("X-Tag", "é"), ("X-Tag", b"\xff"), (b"x-tag", "3")]
    request = asked_once(face, headers=headers)
    tags = [value for name, value in request.fields if name == b"x-tag"]
    assert tags == [b"\xc3\xa9", b"\xff", b"3"]


@on_both_faces
def test_a_foreign_transport_is_not_led_to_compressed_bodies(face):
    assert asked_once(face).header("accept-encoding") == "identity"
    own = asked_once(face, headers={"accept-Encoding": "br"})
    assert own.header("accept-encoding") == "br"
    client = {"headers": {"Accept-Encoding": "gzip"}}
    assert asked_once(face, client=client).header("accept-encoding") == "gzip"


@on_both_faces
def test_our_wires_are_not_led_to_compressed_bodies_either(face):
    with ScriptedServer([Answer()] * 2) as server:
        face.ask(face.client(), "GET", server.url)
        own = {"Accept-Encoding": "gzip;q=0.5"}
        face.ask(face.client(), "GET", server.url, headers=own)
        offers = [r.header("accept-encoding") for r in server.requests]
    assert offers == ["identity", "gzip;q=0.5"]


@on_both_faces
def test_the_callers_last_event_id_header_is_sent_once(face):
    headers = {"last-event-ID": "é"}
    client = {"headers": {"Last-Event-ID": "older"}}
    request = asked_once(face, client=client, headers=headers)
    assert request.header("last-event-id") == "é"


@on_both_faces
def test_an_empty_last_event_id_header_is_left_out(face):
    request = asked_once(face, headers={"Last-Event-ID": ""})
    assert request.header("last-event-id") is None


# ------------------------------------------------------------------ prepare


def prepared(**keywords):
    return request_of("GET", URL + "?a=1&b=2", keywords)


def attempt(last_event_id):
    return Attempt(number=1, last_event_id=last_event_id)


def test_with_headers_replaces_by_name_in_any_case():
    request = prepared(headers=[("Authorization", "old"), ("X", "1"), ("X", "2")])
    changed = request.with_headers({"AUTHORIZATION": "new"})
    assert fields_of(changed.headers) == [
        (b"X", b"1"),
        (b"X", b"2"),
        (b"AUTHORIZATION", b"new"),
    ]
    assert fields_of(request.headers)[0] == (b"Authorization", b"old")


def test_with_params_replaces_those_of_the_url_and_the_request():
    request = prepared(params=[("c", "3"), ("d", "4"), ("c", "5")])
    changed = request.with_params({"b": "x y", "c": "6"})
    assert changed.url == URL + "?a=1"
    assert changed.params == [("d", "4"), ("b", "x y"), ("c", "6")]
    assert prepared().with_params({"z": "1"}).params == [("z", "1")]


def test_a_position_is_written_where_it_travels_and_read_back_from_there():
    request = replace(
        prepared(headers={"LAST-event-id": "old", "X": "1"}), position="é"
    )
    shown = written(request)
    assert fields_of(shown.headers) == [(b"X", b"1"), (b"Last-Event-ID", b"\xc3\xa9")]
    assert read_back(shown).position == "é"
    changed = shown.with_headers({"last-event-id": "7"})
    assert read_back(changed).position == "7"


def test_a_position_that_the_caller_takes_away_or_names_is_his_to_say():
    shown = written(replace(prepared(), position="7"))
    assert read_back(replace(shown, headers=None)).position == ""
    assert read_back(replace(shown, position="8")).position == "8"


def test_the_beginning_is_nowhere_written():
    request = replace(prepared(headers={"Last-Event-ID": "old"}), position="")
    assert fields_of(written(request).headers) == []


@pytest.mark.parametrize(
    ("position", "sent"), [(None, "older"), ("", None), ("7", "7"), ("é", "é")]
)
def test_a_position_counts_more_than_what_the_headers_say(position, sent):
    client = httpxr.Client(headers={"Last-Event-ID": "older", "X": "1"})
    request = replace(prepared(), position=position)
    hop = first_hop(request, ClientSettings.of(client))
    assert LAST_EVENT_ID.position_in(hop.own) == sent
    assert LAST_EVENT_ID.position_in(hop.private) is None


def test_a_requests_repr_shows_no_secret():
    keywords = {"cookies": {"a": "SECRET"}, "auth": ("u", "SECRET"), "json": "SECRET"}
    url = "http://u:SECRET@feed.test/?token=SECRET"
    request = request_of("POST", url, keywords)
    assert repr(request) == "<StreamRequest POST http://feed.test/?token=***>"
