"""docs/explanation/architecture.md names what is there, and draws what imports obey."""

from __future__ import annotations

import re

from tests.project.test_structure import ROOT, SOURCE, STOREYS

PAGE = (ROOT / "docs" / "explanation" / "architecture.md").read_text("utf-8")
QUOTED = set(re.findall(r"`([^`\n]+)`", PAGE))
PATHS = {quoted for quoted in QUOTED if "/" in quoted or quoted.endswith(".py")}
NAMES = {quoted.rstrip("()=") for quoted in QUOTED - PATHS}

DRAWING = PAGE.partition("\n## The storeys\n")[2].partition("\n## ")[0]
DRAWN = re.findall(r"(?<!\S)(\w+)(?:/|\.py)(?!\S)", DRAWING)
BESIDE = {"cli", "testing"}  # they may know all


def test_every_file_and_folder_that_it_names_is_there():
    assert len(PATHS) > 70
    places = (SOURCE, ROOT)
    assert not {path for path in PATHS if not any((p / path).exists() for p in places)}


def test_every_name_that_it_quotes_is_one_of_the_source():
    source = "\n".join(path.read_text("utf-8") for path in SOURCE.rglob("*.py"))
    assert not NAMES - set(re.findall(r"\w+", source))


def test_every_folder_is_drawn():
    folders = {path.parent.name for path in SOURCE.rglob("__init__.py")}
    assert folders - {SOURCE.name} <= set(DRAWN)


def test_what_a_storey_may_import_is_drawn_below_it():
    for storey in set(STOREYS) & set(DRAWN) - BESIDE:
        for lower in STOREYS[storey]:
            assert DRAWN.index(storey) < DRAWN.index(lower), (storey, lower)
