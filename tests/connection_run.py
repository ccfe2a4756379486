"""Plays one connection case of ``conformance`` on one face, and notes what happened."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import replace
from http.cookiejar import DefaultCookiePolicy

from tenacity import stop_after_attempt, wait_exponential

from reconnecting_sse import ReconnectPolicy
from tests.conformance.script_server import ScriptServer
from tests.connection_harness import (
    LIMIT,
    PROMPT,
    Consumer,
    Log,
    new_client,
    new_source,
)


class Server(ScriptServer):
    """A script server that says when a request has come."""

    def __init__(self, script, changed):
        super().__init__(script)
        self._changed = changed

    def _record(self, request):
        step = super()._record(request)
        with self._changed:
            self._changed.notify_all()
        return step


class States(Log):
    """A log that also remembers the state its source was in at each entry."""

    def __init__(self, changed):
        super().__init__(changed)
        self.source, self.seen = None, []

    def _write(self, name, **keywords):
        self.seen.append(self.source.state)
        super()._write(name, **keywords)

    debug = info = warning = _write


class Run:
    """One case, played on one face."""

    def __init__(self, case, face):
        self.case, self.face = case, face
        self.changed = threading.Condition()
        self.times = {}
        self.log = States(self.changed)
        with Server(case["server_script"], self.changed) as server:
            self.server = server
            self._play()
            threading.Event().wait(case["settle_ms"] / 1000)  # nothing may follow
            self.requests = list(server.requests)

    def _play(self):
        config = self.case["client_config"]
        url = self.server.url + config.get("target", "/stream")
        self.source = new_source(
            self.face, url, logger=self.log, **_options(self.face, self.case)
        )
        self.log.source = self.source
        self._mark("start")
        with self.changed:  # its first event waits until its name is known here
            consumer = self.consumer = Consumer(
                self.face, self.source, changed=self.changed, on_event=self._mark_event
            )
        self.is_held = self._close_when(self.case["close_when"])
        limit = LIMIT if self.case["close_when"] is None else PROMPT
        self.has_ended = consumer.ended_within(limit)
        self._mark("closed")
        self.states = [*self.log.seen, self.source.state]
        self.source.close()

    def _close_when(self, close_when):
        """Close once the condition holds; whether it came to hold."""
        if close_when is None:
            return True
        (what, count), *_ = close_when.items()
        if what == "ms":
            threading.Event().wait(count / 1000)
            holds = True
        else:
            with self.changed:
                holds = self.changed.wait_for(
                    lambda: self.counts()[what] >= count, timeout=LIMIT
                )
        self._mark("close-called")
        self.source.close()
        return holds

    def counts(self):
        names = Counter(self.log.names)
        return {
            "events": len(self.consumer.events),
            "requests": len(self.server.requests),
            "opens": names["stream.open"],
            "errors": names["stream.dropped"] + self._has_failed(),
        }

    def _has_failed(self):
        """Whether it ended as a subscription that failed: 204 is an end like that."""
        closed = [entry for name, entry in self.log.entries if name == "stream.closed"]
        return any(entry["reason"] != "closed" for entry in closed)

    def _mark(self, point):
        self.times[point] = self.server.now()

    def _mark_event(self):
        self._mark(f"event:{len(self.consumer.events)}")

    def time_of(self, point):
        kind, _, number = point.partition(":")
        if kind == "request":
            return self.requests[int(number) - 1]["t_request"]
        if kind == "end":
            return self.requests[int(number) - 1]["t_end"]
        return self.times[point]


def _options(face, case):
    """The case's ``client_config`` in the words of a source."""
    config, needs = case["client_config"], case["needs"]
    initial = config["initial_retry_ms"] / 1000
    policy = ReconnectPolicy.standard(initial_delay=initial)
    if "backoff" in needs:
        policy = replace(policy, wait=wait_exponential(multiplier=initial))
    if "max_retries" in config:
        stop = stop_after_attempt(config["max_retries"] + 1)
        policy = replace(policy, stop=stop)
    options = {"policy": policy, "client": new_client(face)}
    if not config.get("cookies", True):
        nobody = DefaultCookiePolicy(allowed_domains=())
        options["client"].cookies.jar.set_policy(nobody)
    if config.get("method", "GET") == "POST":
        options |= {"method": "POST", "content": config["body"], "resend": True}
    if "read_timeout_ms" in config:
        options["idle_timeout"] = config["read_timeout_ms"] / 1000
    return options | {"headers": config.get("headers")}
