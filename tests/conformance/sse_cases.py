"""Reads parser_cases.json and turns each entry into byte chunks and expectations.

for case in load():                    # every case, "gen" rules expanded
    case.chunks        list[bytes]
    case.expect        list of {"event", "data", "id"}
    case.last_event_id str
    case.retry_ms      int or None (compare only if case.check_retry)
    case.after         events visible after each chunk, or None
for label, chunks in variants(case):   # what a parser must not tell apart
"""

from __future__ import annotations

import json
from pathlib import Path

PARSER_CASES = Path(__file__).with_name("parser_cases.json")


class Case:
    def __init__(self, raw):
        self.name, self.source = raw["name"], raw["source"]
        self.tags, self.level = raw.get("tags", []), raw.get("level", "must")
        self.retry_ms = raw["expect_retry_ms"]
        self.check_retry = "retry-unchecked" not in self.tags
        self.last_event_id = text_of(raw["expect_last_event_id"])
        self.after = raw.get("events_after_chunk")
        if "gen" in raw:
            data = text_of(raw["gen"]["parts"]).encode()
            self.chunks = cut(data, raw["gen"]["chunk_size"] or len(data))
            self.expect = events_of(raw["expect_gen"])
        else:
            self.chunks = [chunk.encode("latin-1") for chunk in raw["chunks"]]
            self.expect = raw["expect"]


def load(path=PARSER_CASES):
    return [Case(raw) for raw in json.loads(path.read_text(encoding="utf-8"))]


def variants(case, small=4000):
    yield "as-given", case.chunks
    data = b"".join(case.chunks)
    if "gen" in case.tags or len(data) > small:
        return
    yield "whole", [data]
    yield "bytewise", cut(data, 1)
    if "split-each" in case.tags:
        gap = [b""] if "empty-between" in case.tags else []
        for i in range(1, len(data)):
            yield f"split@{i}", [data[:i], *gap, data[i:]]


def cut(data, size):
    return [data[i : i + size] for i in range(0, len(data), size)]


def text_of(parts):
    return parts if isinstance(parts, str) else "".join(map(_part, parts))


def _part(part):
    if isinstance(part, str):
        return part
    if "repeat" in part:
        return part["repeat"] * part["count"]
    if "numbered" in part:
        numbers = range(part["count"])
        return "".join(part["numbered"].replace("{i}", str(i)) for i in numbers)
    numbers = range(1, part["count"] + 1)
    begin, end = part["growing"], part["end"]
    return "".join(
        begin + part["unit"].replace("{i}", str(i)) * i + end for i in numbers
    )


def events_of(rules):
    return [event for rule in rules for event in _events(rule)]


def _events(rule):
    if "numbered" in rule:
        fields = rule["numbered"].items()
        for i in range(rule["count"]):
            yield {name: value.replace("{i}", str(i)) for name, value in fields}
    elif "growing" in rule:
        for i in range(1, rule["count"] + 1):
            data = rule["unit"].replace("{i}", str(i)) * i
            yield {"event": "message", "data": data, "id": ""}
    else:
        yield {name: text_of(value) for name, value in rule.items()}
