"""What is told of a subscription has no credential, no payload and no traceback."""

from __future__ import annotations

import asyncio
import logging

import httpxr
import pytest

from reconnecting_sse import (
    AsyncStreamingTransport,
    ReconnectingEventSource,
    ReconnectPolicy,
    SSEError,
    StreamingTransport,
)
from reconnecting_sse.testing import Answer, Close, Raw, ScriptedServer

SECRET = "s3cret"
PAYLOAD = "what the event says"

QUICK = ReconnectPolicy(initial_delay=0.01, max_delay=0.02, retry_bounds=(0.01, 1.0))
EVENT = f"id: 1\ndata: {PAYLOAD}\n\n"

# Each way to fail, told by a server that repeats what it was sent.
FAILURES = [
    Answer(body=[EVENT], end="cut"),
    Answer(503, headers=[("X-Token", SECRET)], body=SECRET, framing="length"),
    Close(),
    Raw(f"{SECRET}\r\n\r\n".encode()),
    Answer(
        307,
        headers=[("Location", f"http://joe:{SECRET}@127.0.0.1:1/?token={SECRET}")],
        framing="length",
    ),
    Answer(body=[EVENT], end="reset"),
    Answer(401, body=f"token {SECRET} is not known", framing="length"),
]


class Recorder:
    """A logger that keeps every word."""

    def __init__(self):
        self.told = []

    def __getattr__(self, _level):
        return lambda *words, **keys: self.told.append((words, keys))


def subscription(client, server, **options):
    url = server.url.replace("//", f"//joe:{SECRET}@") + f"/feed?token={SECRET}"
    headers = {"X-Api-Key": SECRET, "Authorization": f"Bearer {SECRET}"}
    return ReconnectingEventSource(
        client,
        "GET",
        url,
        headers=headers,
        cookies={"session": SECRET},
        policy=QUICK,
        **options,
    )


def run_sync(server, **options):
    client = httpxr.Client(transport=StreamingTransport())
    with subscription(client, server, **options) as source:
        for _ in source.iter_sse():
            pass


def run_async(server, **options):
    async def run():
        client = httpxr.AsyncClient(transport=AsyncStreamingTransport())
        async with subscription(client, server, **options) as source:
            async for _ in source.aiter_sse():
                pass

    asyncio.run(run())


@pytest.fixture(params=[run_sync, run_async], ids=["sync", "async"])
def run(request):
    return request.param


def test_nothing_that_is_logged_or_told_to_listeners_gives_a_secret_away(run):
    recorder, facts = Recorder(), []
    with ScriptedServer(FAILURES) as server, pytest.raises(SSEError) as raised:
        run(server, logger=recorder, on_lifecycle=facts.append)
    told = f"{recorder.told} {facts} {raised.value!r}"
    assert len(recorder.told) > len(FAILURES)
    assert SECRET not in told
    assert PAYLOAD not in told
    assert not any("exc_info" in keys for _, keys in recorder.told)


def test_a_reconnect_is_logged_in_single_lines_without_a_traceback(run, caplog):
    caplog.set_level(logging.DEBUG, logger="reconnecting_sse")
    with ScriptedServer(FAILURES) as server, pytest.raises(SSEError):
        run(server)
    assert len(caplog.records) > len(FAILURES)
    assert "stream.dropped" in caplog.text
    assert "Traceback" not in caplog.text
    assert SECRET not in caplog.text
    assert all(record.exc_info is None for record in caplog.records)
    assert all("\n" not in record.getMessage() for record in caplog.records)
