"""Every program in the documents runs, and prints what is printed there."""

from __future__ import annotations

import dataclasses
import inspect
import os
import re
import runpy
import shlex
import signal
import subprocess
import sys
import tomllib
import zlib
from collections import Counter
from typing import TYPE_CHECKING, get_args

import click
import pytest
import structlog

import reconnecting_sse
from reconnecting_sse import dialects, lifecycle, testing
from reconnecting_sse.cli import commands
from tests.documents import (
    BEFORE,
    ROOT,
    Block,
    Site,
    blocks_of,
    documents,
    matches,
    run,
    run_apart,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

API = ROOT / "docs" / "reference" / "api.md"
LANGUAGES = {"python", "text", "sh", "console"}
OURS = "from reconnecting_sse import"
PROGRAM = re.compile(r"^\s*```python$", re.MULTILINE)
LINK = re.compile(r"\]\(([^)\s]+)\)")
TABLE_ROW = re.compile(r"^\| `(\w+)` \| `(.+?)` \|", re.MULTILINE)
THEIRS = "from httpxr.sse import"

BLOCKS = [block for path in documents() for block in blocks_of(path)]
PYTHON = [block for block in BLOCKS if block.language == "python"]
ELSEWHERE = ("<!-- file: ", BEFORE)  # run with others, or with what others have
HERE = [block for block in PYTHON if not block.mark.startswith(ELSEWHERE)]
TESTS = [b for b in HERE if re.search("^(async )?def test_", b.text, re.MULTILINE)]
PROGRAMS = [block for block in HERE if block not in TESTS]
MIGRATIONS = [block for block in PROGRAMS if "# was: from httpxr.sse" in block.text]


@pytest.fixture(autouse=True)
def _quick(request: pytest.FixtureRequest) -> None:
    """Blocks that fork again and again are run as nothing is measured."""
    if "crash-points.md" in request.node.name:
        request.getfixturevalue("unmeasured")


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """What a program changes in its process is changed back."""
    monkeypatch.chdir(tmp_path)
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    signals = {number: signal.getsignal(number) for number in (2, 15)}
    yield
    structlog.reset_defaults()
    for number, handler in signals.items():
        signal.signal(number, handler)


def program(block: Block) -> str:
    """The block's text, after its page's preamble if it has one."""
    page = [b for b in PROGRAMS if b.document == block.document]
    preamble = "".join(b.text for b in page if b.is_preamble and b is not block)
    return preamble + block.text


def documented_output(block: Block) -> str | None:
    """The text block that follows the program, before any other block."""
    index = BLOCKS.index(block) + 1
    following = BLOCKS[index] if index < len(BLOCKS) else None
    if following is None or following.language != "text":
        return None
    return following.text if following.document == block.document else None


@pytest.mark.parametrize("block", PROGRAMS, ids=str)
def test_a_program_runs_live_and_prints_what_its_page_says(block: Block) -> None:
    site = Site()
    lines_before = program(block).count("\n") - block.text.count("\n")
    output = run(program(block), block.document, site, block.line - lines_before)
    assert not site.late, f"the server waited for these to be printed: {site.late}"
    documented = documented_output(block)
    assert documented is None or matches(output, documented), output


def test_the_tests_in_the_documents_pass(tmp_path: Path) -> None:
    """Each is a file of its own, run by the pytest that a user has."""
    for number, block in enumerate(TESTS):
        (tmp_path / f"test_{number}.py").write_text(block.text, "utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "."]
    child = subprocess.run(
        [*command, "-W", "error", "--timeout", "20"],
        cwd=tmp_path,
        env={n: v for n, v in os.environ.items() if not n.startswith("COVERAGE")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    count = sum(block.text.count("def test_") for block in TESTS)
    assert f"\n{count} passed" in child.stdout, child.stdout


@pytest.mark.parametrize("block", MIGRATIONS, ids=str)
def test_the_same_program_with_httpxr_gets_nothing_until_the_end(block: Block) -> None:
    theirs = block.text.replace(OURS, THEIRS)
    trace = run_apart(theirs)["trace"]
    if "async with" in theirs:
        of_no_event = theirs.count("\n    print()\n")
        assert trace.count("printed") == of_no_event
    else:
        sent = trace.count("sent")
        assert trace[:sent] == ["sent"] * sent
        assert trace.count("printed") >= sent > 1


def test_the_four_programs_of_the_comparison_were_found() -> None:
    assert len(MIGRATIONS) == 4


def test_no_block_is_of_a_kind_that_nobody_checks() -> None:
    kinds = {block.language for block in BLOCKS}
    assert {kind for kind in kinds if not kind.startswith("{")} <= LANGUAGES
    for before, block in zip([None, *BLOCKS], BLOCKS, strict=False):
        if block.language == "text":
            assert before is not None, f"{block} is the output of nothing"
            assert before.language in {"python", "sh", "console"}, str(block)


def test_no_program_of_any_page_is_missed() -> None:
    """Counted in another way: a page that moves must not take its programs along."""
    counted = {
        str(page.relative_to(ROOT)): len(PROGRAM.findall(page.read_text("utf-8")))
        for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    }
    found = Counter(block.document for block in PYTHON)
    assert {name: count for name, count in counted.items() if count} == found
    elsewhere = Counter(block.document for block in PYTHON if block not in HERE)
    assert {name for name in elsewhere if "docs/migration/" not in name} == {
        "docs/tutorial.md"
    }


def section(path: Path, heading: str) -> str:
    _, found, rest = path.read_text("utf-8").partition(f"\n## {heading}\n")
    assert found, heading
    return rest.partition("\n## ")[0]


@pytest.mark.parametrize(
    "documented",
    [reconnecting_sse.ReconnectingEventSource, reconnecting_sse.ReconnectPolicy],
)
def test_the_reference_states_every_keyword_and_its_default(documented: type) -> None:
    stated = dict(TABLE_ROW.findall(section(API, documented.__name__)))
    parameters = inspect.signature(documented).parameters.values()
    keywords = [p for p in parameters if p.kind is p.KEYWORD_ONLY]
    assert stated == {p.name: repr(p.default) for p in keywords}


def test_the_reference_states_every_fact_and_its_fields() -> None:
    rows = re.findall(
        r"^\| `(\w+)` \| `(\S+)` \| (.+) \|$", section(API, "Lifecycle"), re.MULTILINE
    )
    stated = {(name, event): re.findall(r"\w+", fields) for name, event, fields in rows}
    assert stated == {
        (fact.__name__, fact.name): [
            field.name for field in dataclasses.fields(fact) if field.name != "url"
        ]
        for fact in get_args(reconnecting_sse.Lifecycle)
    }


def test_the_reference_has_every_public_name() -> None:
    text = API.read_text("utf-8")
    named = set(re.findall(r"\w+", text))
    assert set(reconnecting_sse.__all__) <= named


DIRECTIVE = re.compile(
    r"^\.\. (?:auto\w+|py:\w+):: reconnecting_sse\.([\w.]+)$", re.MULTILINE
)


def public_names() -> list[str]:
    """All that can be imported, each at its place."""
    modules = (dialects, lifecycle, reconnecting_sse.stores, testing)
    names = [name for name in reconnecting_sse.__all__ if name.islower() is False]
    names += ["aconnect_sse", "connect_sse", "encode", "run_workers"]
    for module in modules:
        short = module.__name__.rpartition(".")[2]
        here = set(module.__all__) - set(reconnecting_sse.__all__)
        names += [f"{short}.{name}" for name in here]
    of_respx = ("AsyncRespxTransport", "RespxRoutes", "RespxTransport")
    return [*names, *(f"testing.{name}" for name in of_respx)]


def test_the_reference_has_each_public_name_at_one_place() -> None:
    pages = (ROOT / "docs" / "reference").glob("*.md")
    found = [name for page in pages for name in DIRECTIVE.findall(page.read_text())]
    assert sorted(found) == sorted(public_names())


def test_the_quick_start_names_what_the_package_brings() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    brought = {re.split(r"[^\w-]", each)[0] for each in project["dependencies"]}
    said = section(ROOT / "docs" / "quickstart.md", "Install")
    assert set(re.findall(r"[\w-]+", said.partition("brings ")[2])) >= brought


def test_the_inventories_are_what_their_program_makes() -> None:
    folder = ROOT / "docs" / "inventories"
    made = runpy.run_path(str(folder / "make.py"))
    kept = (folder / "python.inv").read_bytes()
    assert unpacked(kept) == unpacked(made["inventory"]("Python", made["PYTHON"]))


def unpacked(inventory: bytes) -> tuple[list[bytes], bytes]:
    *head, body = inventory.split(b"\n", 4)
    return head, zlib.decompress(body)


def test_links_between_the_documents_lead_somewhere() -> None:
    for path in [*documents(), ROOT / "CHANGELOG.md"]:
        for target in LINK.findall(path.read_text("utf-8")):
            name, _, anchor = target.partition("#")
            if "://" in name:
                continue
            linked = path.parent / name if name else path
            assert linked.is_file(), f"{path}: {target}"
            assert not anchor or anchor in anchors(linked), f"{path}: {target}"


def anchors(path: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", path.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", h).lower().replace(" ", "-") for h in headings}


def test_the_targets_that_the_documents_name_exist() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for block in BLOCKS:
        if block.language in {"sh", "console"}:
            for target in re.findall(r"^(?:\$ )?make (\w+)", block.text, re.MULTILINE):
                assert f"\n{target}: " in makefile, f"{block}: make {target}"


COMMAND_LINES = [
    (block, line.removeprefix("$ reconnecting-sse ").partition(" | ")[0])
    for block in BLOCKS
    for line in block.text.splitlines()
    if block.language in {"sh", "console"} and line.startswith("$ reconnecting-sse ")
    if "$FEED" not in line  # the tutorial's are run
]


@pytest.mark.parametrize(("block", "line"), COMMAND_LINES, ids=str)
def test_a_documented_command_line_is_accepted(block: Block, line: str) -> None:
    name, *arguments = shlex.split(line)
    command = commands.commands[name]
    with command.make_context(name, arguments):  # it raises for what it does not know
        pass


def test_the_tables_of_options_name_all_options_and_no_other() -> None:
    page = ROOT / "docs" / "reference" / "command-line.md"
    documented = set()
    for row in re.findall(r"^\| (`-.+?) \|", page.read_text("utf-8"), re.MULTILINE):
        documented |= set(re.findall(r"(?<![\w-])--?[a-z][\w-]*|(?<![\w-])-\w\b", row))
    existing = {
        option
        for command in commands.commands.values()
        for parameter in command.params
        if isinstance(parameter, click.Option)
        for option in [*parameter.opts, *parameter.secondary_opts]
    }
    assert documented == existing
