"""Who moves here finds what the pages say, of the other package and of this one."""

from __future__ import annotations

import inspect
import re

import aiohttp
import aiohttp_sse_client.client
import httpx_sse
import httpxr.sse
import ld_eventsource.actions
import ld_eventsource.errors
import pytest
import requests_sse
import sseclient

from reconnecting_sse import EventStreamDecoder
from tests.documents import BEFORE, ROOT, blocks_of, matches, run_apart

FOLDER = ROOT / "docs" / "migration"
PAGES = sorted(path for path in FOLDER.glob("*.md") if path.stem != "index")
BLOCKS = {path: blocks_of(path) for path in PAGES}


def members(*classes):
    """What a class has for everybody."""
    return {
        f"{kind.__name__}.{name}"
        for kind in classes
        for name in dir(kind)
        if not name.startswith("_")
    }


def parameters(kind):
    names = set(inspect.signature(kind.__init__).parameters)
    return names - {"self"}


def fields(kind):
    """What it keeps of its parameters."""
    return {f"{kind.__name__}.{name}" for name in parameters(kind)}


def of_httpx_sse(module):
    event = {f"ServerSentEvent.{n}" for n in ("event", "data", "id", "retry", "json")}
    assert all(hasattr(module.ServerSentEvent(), n.split(".")[1]) for n in event)
    source = {"EventSource.iter_sse", "EventSource.aiter_sse", "EventSource.response"}
    return set(module.__all__) - {"__version__"} | event | source


def of_launchdarkly():
    client, actions = ld_eventsource.SSEClient, ld_eventsource.actions
    return (
        {"SSEClient", "Event", "Comment", "Start", "Fault"}
        | members(client, actions.Event)
        | parameters(client)
        | {name for name in dir(ld_eventsource.errors) if name.startswith("HTTP")}
    )


def of_aiohttp():
    module = aiohttp_sse_client.client
    source = module.EventSource
    return (
        {"EventSource", "MessageEvent"}
        | members(source)
        | parameters(source)
        | fields(module.MessageEvent)
    )


def of_requests():
    source = requests_sse.EventSource
    classes = {name for name in dir(requests_sse) if name[0].isupper()}
    event = fields(requests_sse.MessageEvent)
    return classes | members(source) | parameters(source) | event


def of_sseclient():
    client = sseclient.SSEClient
    event = {f"Event.{name}" for name in vars(sseclient.Event())}
    return {"SSEClient"} | members(client) | parameters(client) | event


NAMES = {
    "httpxr-sse": lambda: of_httpx_sse(httpxr.sse),
    "httpx-sse": lambda: of_httpx_sse(httpx_sse),
    "launchdarkly-eventsource": of_launchdarkly,
    "aiohttp-sse-client": of_aiohttp,
    "requests-sse": of_requests,
    "sseclient-py": of_sseclient,
}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_the_program_before_does_what_the_page_says(path):
    (block,) = [block for block in BLOCKS[path] if block.mark == BEFORE]
    following = BLOCKS[path][BLOCKS[path].index(block) + 1]
    assert following.language == "text"
    output = run_apart(block.text)["output"]
    assert matches(output, following.text), output


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_the_table_has_every_name_of_theirs_and_no_other(path):
    table = path.read_text("utf-8").partition("## Names\n")[2].partition("\n## ")[0]
    stated = re.findall(r"^\| `([\w.]+)` \| ", table, re.MULTILINE)
    assert sorted(stated) == sorted(NAMES[path.stem]())


# ------------------------------------------------------- what is different


def ours(stream):
    return [event.data for event in EventStreamDecoder().feed(stream)]


@pytest.mark.parametrize(
    ("stream", "theirs", "right"),
    [
        (b"data: a\n\ndata: b", ["a", "b"], ["a"]),
        (b"data: a\n\r\ndata: b\n\r\n", ["a\nb"], ["a", "b"]),
        (b"\xef\xbb\xbfdata: a\ndata: b\n\n", ["b"], ["a\nb"]),
        (b"data: a\r\rdata: b\r\r", ["a", "b"], ["a", "b"]),
    ],
)
def test_what_sseclient_py_makes_of_a_stream(stream, theirs, right):
    assert [event.data for event in sseclient.SSEClient([stream]).events()] == theirs
    assert ours(stream) == right


def test_what_sseclient_py_makes_of_other_bytes_than_utf_8():
    with pytest.raises(UnicodeDecodeError):
        list(sseclient.SSEClient([b"data: \xff\n\n"]).events())
    assert ours(b"data: \xff\n\n") == ["\ufffd"]


@pytest.mark.parametrize(("text", "theirs"), [("-1", -1), ("1_000", 1000)])
def test_which_retry_is_a_number_to_httpxr(text, theirs):
    lines = f"retry: {text}\ndata: a\n\n"
    response = httpxr.Response(
        200, headers={"Content-Type": "text/event-stream"}, text=lines
    )
    (event,) = httpxr.sse.EventSource(response).iter_sse()
    assert event.retry == theirs
    (event,) = EventStreamDecoder().feed(lines.encode())
    assert event.retry is None


def test_how_long_a_stream_lasts_in_aiohttp():
    assert aiohttp.client.DEFAULT_TIMEOUT.total == 300
