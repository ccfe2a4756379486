"""The source's shape: imports go one way, and the core touches nothing but values."""

from __future__ import annotations

import ast
import graphlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import reconnecting_sse

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = "reconnecting_sse"
SOURCE = Path(reconnecting_sse.__file__).parent
ROOT = Path(__file__).parents[1]

# From the bottom up: none of these is built on a later one.
CHAIN = [
    "_errors",
    "_decoder",
    "_strategies",
    "_policy",
    "_reconnection",
    "_session",
    "_loop",
    "_driver",
    "_source",
    "__init__",
    "cli",
]

# What a package inside the package may know of the rest.
KNOWN_TO = {
    "transports": {"_errors", "_host"},
    "testing": {"_errors", "transports"},
}

CORE = [
    "_answer",
    "_auth",
    "_callers",
    "_calls",
    "_cookies",
    "_cursor",
    "_decoder",
    "_errors",
    "_exchange",
    "_fastpath",
    "_hop",
    "_host",
    "_idle",
    "_loop",
    "_policy",
    "_reconnection",
    "_request",
    "_session",
    "_stats",
    "_strategies",
    "lifecycle",
]
EFFECTS = {
    "aiohttp",
    "asyncio",
    "concurrent",
    "http.client",
    "logging",
    "select",
    "selectors",
    "signal",
    "socket",
    "ssl",
    "structlog",
    "threading",
    "time",
    "urllib3",
}
CLIENTS = {"AsyncClient", "AsyncHTTPTransport", "Client", "HTTPTransport"}


@dataclass(frozen=True)
class Import:
    """One imported module or name, dotted."""

    name: str
    is_for_types: bool
    is_at_import: bool

    @property
    def part(self) -> str | None:
        """Which part of the package it is, if it is one."""
        first, _, rest = self.name.partition(".")
        if first != PACKAGE:
            return None
        part = rest.partition(".")[0]
        return part if part in PARTS else "__init__"


def part_of(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


PARTS = {part_of(path) for path in SOURCE.rglob("*.py")}


def imports_of(path: Path) -> list[Import]:
    return list(_imports(ast.parse(path.read_text("utf-8")), path))


def _imports(
    node: ast.AST, path: Path, *, types: bool = False, late: bool = False
) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        match child:
            case ast.Import(names):
                for alias in names:
                    yield Import(alias.name, types, not late)
            case ast.ImportFrom(module, names, level):
                assert not level, f"{path}: a relative import, line {child.lineno}"
                for alias in names:
                    yield Import(f"{module}.{alias.name}", types, not late)
            case ast.If(ast.Name("TYPE_CHECKING"), body, orelse):
                for inner in body:
                    yield from _imports(_wrapped(inner), path, types=True, late=late)
                for inner in orelse:
                    yield from _imports(_wrapped(inner), path, types=types, late=late)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                yield from _imports(child, path, types=types, late=True)
            case _:
                yield from _imports(child, path, types=types, late=late)


def _wrapped(statement: ast.stmt) -> ast.Module:
    return ast.Module([statement], [])


def is_within(name: str, modules: set[str]) -> bool:
    return any(name == module or name.startswith(f"{module}.") for module in modules)


def imported_by(part: str, *, late: bool = True) -> set[str]:
    """The parts that a part imports when it runs; ``late``: in functions, too."""
    return {
        i.part
        for path in SOURCE.rglob("*.py")
        if part_of(path) == part
        for i in imports_of(path)
        if i.part and not i.is_for_types and (late or i.is_at_import)
    } - {part}


def built_on(part: str, *, late: bool = True) -> set[str]:
    """Those parts, and what they are built on themselves."""
    todo, found = [part], {part}
    while todo:
        new = imported_by(todo.pop(), late=late) - found
        found |= new
        todo += new
    return found


def test_imports_never_go_round() -> None:
    graph = {part: imported_by(part) for part in PARTS}
    graphlib.TopologicalSorter(graph).prepare()  # a CycleError names the cycle


@pytest.mark.parametrize("part", CHAIN)
def test_nothing_is_built_on_what_is_above_it(part: str) -> None:
    above = set(CHAIN[CHAIN.index(part) + 1 :])
    assert not built_on(part) & above


@pytest.mark.parametrize("part", KNOWN_TO)
def test_a_package_of_its_own_knows_next_to_nothing(part: str) -> None:
    assert imported_by(part) <= KNOWN_TO[part]


def test_the_command_line_is_imported_by_nobody() -> None:
    users = {part for part in PARTS if "cli" in imported_by(part)}
    assert users <= {"__main__"}


def test_nothing_but_the_command_line_uses_the_testing_tools() -> None:
    users = {
        part_of(path)
        for path in SOURCE.rglob("*.py")
        for imported in imports_of(path)
        if imported.part == "testing"
    }
    assert users <= {"testing", "cli"}


@pytest.mark.parametrize("name", CORE)
def test_the_core_imports_no_effect(name: str) -> None:
    forbidden = EFFECTS | {f"{PACKAGE}.transports"}
    found = {i.name for i in imports_of(SOURCE / f"{name}.py")}
    assert not {imported for imported in found if is_within(imported, forbidden)}


@pytest.mark.parametrize("name", CORE)
def test_what_the_core_is_built_on_imports_no_effect_either(name: str) -> None:
    parts = built_on(name, late=False)
    assert not parts & {"transports", "testing", "__init__"}
    for part in parts:
        for imported in imports_of(SOURCE / f"{part}.py"):
            if imported.is_at_import and not imported.is_for_types:
                assert not is_within(imported.name, EFFECTS), part


@pytest.mark.parametrize("name", CORE)
def test_the_core_names_no_client(name: str) -> None:
    tree = ast.parse((SOURCE / f"{name}.py").read_text("utf-8"))
    named = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "httpxr"
    }
    imported = {
        i.name.removeprefix("httpxr.") for i in imports_of(SOURCE / f"{name}.py")
    }
    assert not (named | imported) & CLIENTS


def test_the_wires_are_imported_by_the_transports_only() -> None:
    users = {
        part_of(path)
        for path in SOURCE.rglob("*.py")
        for imported in imports_of(path)
        if is_within(imported.name, {"aiohttp", "urllib3"})
    }
    assert users == {"transports"}


def test_the_environment_is_not_read_on_import() -> None:
    for path in SOURCE.rglob("*.py"):
        read = set(_names_outside_functions(ast.parse(path.read_text("utf-8"))))
        assert not read & {"environ", "environb", "getenv"}, path


def _names_outside_functions(node: ast.AST) -> Iterator[str]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Name):
            yield child.id
        elif isinstance(child, ast.Attribute):
            yield child.attr
        if not isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            yield from _names_outside_functions(child)


def project_files() -> list[Path]:
    """All text of the project; git may be absent where the tests run."""
    places = [ROOT / name for name in (".ci", "benchmarks", "docs", "src", "tests")]
    found = [path for place in places for path in place.rglob("*")]
    found += [path for path in ROOT.glob("*") if not path.name.startswith(".")]
    left_out = {"__pycache__", Path(__file__).name}
    return [p for p in found if p.is_file() and not left_out & set(p.parts)]


OF_A_MACHINE = re.compile(
    r"(?<![\w.])/(?:root|home|Users|work|tmp|opt|mnt)/[\w.-]"
    r"|\b(?:pypi\.org|pythonhosted\.org|registry\.npmjs\.[a-z]+|test\.pypi\b)"
    r"|--(?:extra-)?index-url"
)


def test_no_file_names_a_path_of_one_machine_or_a_registry() -> None:
    found = []
    for path in project_files():
        text = path.read_text("utf-8", "replace")
        found += [f"{path}: {match[0]}" for match in OF_A_MACHINE.finditer(text)]
    assert not found


def test_the_version_is_told_once_for_the_changelog() -> None:
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    version = re.search(r'^version = "(.+)"$', project, re.MULTILINE)
    assert version is not None
    assert f"## [{version[1]}]" in (ROOT / "CHANGELOG.md").read_text("utf-8")
