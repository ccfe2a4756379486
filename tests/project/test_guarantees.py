"""The pages of promises name a test for every rule, and each of them exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
PAGES = {
    "explanation/guarantees.md": 50,
    "how-to/durability.md": 20,
}  # and how many rules at least

NAMED = re.compile(r"`([\w/]+\.py)::(test_\w+)`")


def text_of(page):
    return (TESTS.parent / "docs" / page).read_text("utf-8")


def rules(page):
    """The rows of its tables that begin with a rule, without the head."""
    table = text_of(page).partition("## Rule by rule")[2]
    rows = [line.split(" | ") for line in table.splitlines() if line.startswith("| ")]
    return [row for row in rows if row[0] not in ("| rule", "| ---", "| ")]


@pytest.mark.parametrize("page", PAGES)
def test_every_rule_is_held_by_a_test(page):
    found = rules(page)
    assert len(found) > PAGES[page]
    assert [row for row in found if not NAMED.search(row[1])] == []


@pytest.mark.parametrize("page", PAGES)
def test_the_tests_that_are_named_exist(page):
    missing = set()
    for file, name in NAMED.findall(text_of(page)):
        tree = ast.parse((TESTS / file).read_text("utf-8"))
        functions = {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)}
        if name not in functions:
            missing.add(f"{file}::{name}")
    assert not missing
