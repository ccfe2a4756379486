"""The table of the guarantees: rules, the tests that hold them, who keeps them."""

from __future__ import annotations

import json
import platform
import tomllib
from dataclasses import astuple
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.peers.readers import MODULES
from benchmarks.peers.running import PROBES, Finding

Cells = dict[tuple[str, str], Finding]

HERE = Path(__file__).parent
RULES = HERE / "rules.toml"
RESULTS = HERE / "results.json"
PAGE = HERE.parents[1] / "docs" / "explanation" / "guarantees.md"
BEGIN = "<!-- Written by `make peers`, from here"
END = "<!-- to here. -->"

PACKAGES = [
    "launchdarkly-eventsource",
    "httpx-sse",
    "stamina",
    "aiohttp-sse-client",
    "requests-sse",
]
OURS, OURS_ASYNC, *PEERS = MODULES

INTRODUCTION = """\
Each rule, the test in `tests/` that holds it, and what everyone does in the same
situation: a server on loopback that plays the same script to each, once.

✓ is as the rule says, ✗ is not, n/a does not apply. Where both faces of ours differ,
both are shown. All are set up to survive drops as their documentation says:
launchdarkly-eventsource with `ErrorStrategy.always_continue()`, httpx-sse with the
stamina loop of its README, the other two as they are. Delays are short where they can
be set, except where delays are what is measured.

Measured with {versions}, on Python {python}."""


def kept(found: Cells) -> None:
    """Keep what was measured, beside what was not measured again."""
    packages = {name: version(name) for name in PACKAGES}
    cells: dict[str, dict[str, Any]] = {}
    if RESULTS.exists():
        old = json.loads(RESULTS.read_text("utf-8"))
        cells = {name: old["cells"][name] for name in PROBES if name in old["cells"]}
    for (name, client), finding in found.items():
        cells.setdefault(name, {})[client] = astuple(finding)
    said = {"python": platform.python_version(), "versions": packages, "cells": cells}
    text = json.dumps(said, indent=1, ensure_ascii=False)
    RESULTS.write_text(f"{text}\n", "utf-8")


def write() -> None:
    """Put the table into the page, in place of the last one."""
    results = json.loads(RESULTS.read_text("utf-8"))
    sections = tomllib.loads(RULES.read_text("utf-8"))["section"]
    tried = {p for s in sections for rule in s["rule"] for p in rule.get("probes", ())}
    assert tried == set(PROBES), f"no rule, or no probe: {tried ^ set(PROBES)}"
    versions = ", ".join(f"{name} {of}" for name, of in results["versions"].items())
    parts = [
        f"{BEGIN} -->",
        "",
        "## Rule by rule, and the others",
        "",
        INTRODUCTION.format(versions=versions, python=results["python"]),
    ]
    for section in sections:
        parts += ["", f"### {section['title']}", "", *_table(section, results["cells"])]
    page = PAGE.read_text("utf-8").partition(BEGIN)
    after = page[2].partition(END)[2] or "\n"
    PAGE.write_text(page[0].rstrip() + "\n\n" + "\n".join([*parts, "", END]) + after)


def _table(section: Any, cells: Any) -> list[str]:
    heads = ["rule", "held by", "tried", OURS, *PEERS]
    rows = [heads, ["---"] * len(heads)]
    for rule in section["rule"]:
        tests = "<br>".join(f"`{test}`" for test in rule["tests"]) or "**no test yet**"
        first = [rule["says"], tests]
        for name in rule.get("probes", ()):
            found = {client: Finding(*cells[name][client]) for client in MODULES}
            ours = _both(found[OURS], found[OURS_ASYNC])
            others = [_cell(found[peer]) for peer in PEERS]
            rows.append([*first, PROBES[name].title, ours, *others])
            first = ["", ""]
        if first[0]:
            rows.append([*first, "", *[""] * (len(PEERS) + 1)])
    return [f"| {' | '.join(row)} |" for row in rows]


def _both(sync: Finding, asynchronous: Finding) -> str:
    """One cell for both faces, unless they differ."""
    if sync.kept is None:
        return _cell(asynchronous)
    if sync.kept is asynchronous.kept and sync.said == asynchronous.said:
        return _cell(sync)
    if sync.kept and asynchronous.kept:
        return _cell(Finding(kept=True, said=f"{sync.said} / {asynchronous.said}"))
    return f"sync {_cell(sync)}, async {_cell(asynchronous)}"


def _cell(found: Finding) -> str:
    sign = {True: "✓", False: "✗", None: "n/a"}[found.kept]
    said = found.said.replace("&", "&amp;").replace("<", "&lt;").replace("|", "\\|")
    return f"{sign} {said}".strip()
