"""docs/guarantees.md names a test for every rule, and each of them exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
PAGE = (TESTS.parent / "docs" / "guarantees.md").read_text("utf-8")

NAMED = re.compile(r"`([\w/]+\.py)::(test_\w+)`")


def rules():
    """The rows of its tables that begin with a rule, without the head."""
    table = PAGE.partition("## Rule by rule")[2]
    rows = [line.split(" | ") for line in table.splitlines() if line.startswith("| ")]
    return [row for row in rows if row[0] not in ("| rule", "| ---", "| ")]


def test_every_rule_is_held_by_a_test():
    assert len(rules()) > 50
    assert [row for row in rules() if not NAMED.search(row[1])] == []


def test_the_tests_that_are_named_exist():
    missing = set()
    for file, name in NAMED.findall(PAGE):
        tree = ast.parse((TESTS / file).read_text("utf-8"))
        functions = {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)}
        if name not in functions:
            missing.add(f"{file}::{name}")
    assert not missing
