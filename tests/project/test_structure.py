"""The source's shape: imports go one way, and the core touches nothing but values."""

from __future__ import annotations

import ast
import graphlib
import importlib
import re
import subprocess
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import reconnecting_sse

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = "reconnecting_sse"
SOURCE = Path(reconnecting_sse.__file__).parent
ROOT = Path(__file__).parents[2]

# The storeys, from the bottom up, and what of the others each may import.
STOREYS = {
    "core": set(),
    "transports": {"core"},
    "exchange": {"core", "transports"},
    "stores": {"core"},
    "subscription": {"core", "transports", "exchange", "stores"},
    "connect": {"core", "transports", "exchange"},
    "source": {"core", "transports", "exchange", "stores", "subscription"},
    "dialects": {"core", "exchange"},
    "workers": {"core", "stores", "subscription", "source"},
    "lifecycle": {"core"},
}
LIBRARY = set(STOREYS) | {"__init__"}
STOREYS |= {
    "__init__": LIBRARY,
    "testing": LIBRARY,
    "cli": LIBRARY | {"testing"},
    "__main__": {"cli"},
}

# What stands in a folder of effects and has none itself.
PURE = ["exchange.auth", "exchange.calls", "exchange.cookies", "exchange.errand"]
PURE += ["exchange.exchange", "exchange.hop", "exchange.leg", "exchange.redirects"]
PURE += ["exchange.request", "exchange.trail", "exchange.urls"]
PURE += ["subscription.checks", "subscription.orders", "subscription.queue"]
EFFECTS = {
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
    "httptools",
}
CLIENTS = {"AsyncClient", "AsyncHTTPTransport", "Client", "HTTPTransport"}


@dataclass(frozen=True)
class Import:
    """One imported module or name, dotted."""

    name: str
    is_for_types: bool
    is_at_import: bool

    @property
    def module(self) -> str | None:
        """The module of the package that it is, or is in; None for a stranger's."""
        name = self.name
        while name.startswith(PACKAGE):
            if name in MODULES:
                return name
            name = name.rpartition(".")[0]
        return None


def storey_of(module: str) -> str:
    """The folder, or the file, that a module is in."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def module_of(path: Path) -> str:
    parts = path.relative_to(SOURCE).with_suffix("").parts
    named = [part for part in parts if part != "__init__"]
    return ".".join([PACKAGE, *named])


MODULES = {module_of(path): path for path in SOURCE.rglob("*.py")}


def imported_by(module: str) -> set[str]:
    """The package's own modules that one imports: for types and in functions, too."""
    found = {i.module for i in imports_of(MODULES[module])}
    return {name for name in found if name is not None} - {module}


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


def test_there_are_few_modules_outside_the_storeys() -> None:
    assert len(list(SOURCE.glob("*.py"))) <= 6


def test_every_folder_says_what_it_is_and_has_a_place() -> None:
    assert {storey_of(module) for module in MODULES} == set(STOREYS)
    for path in SOURCE.rglob("__init__.py"):
        assert ast.get_docstring(ast.parse(path.read_text("utf-8"))), path


@pytest.mark.parametrize("storey", STOREYS)
def test_no_storey_imports_what_is_above_it(storey: str) -> None:
    found = {
        (module, name)
        for module in MODULES
        if storey_of(module) == storey
        for name in imported_by(module)
        if storey_of(name) not in STOREYS[storey] | {storey}
    }
    assert not found


def test_imports_never_go_round() -> None:
    """Of no kind, between folders or inside one."""
    graph = {module: imported_by(module) for module in MODULES}
    graphlib.TopologicalSorter(graph).prepare()  # a CycleError names the cycle


PURE_MODULES = [
    module
    for module in MODULES
    if storey_of(module) == "core" or module.removeprefix(f"{PACKAGE}.") in PURE
]


@pytest.mark.parametrize("module", PURE_MODULES)
def test_the_core_imports_no_effect(module: str) -> None:
    found = {i.name for i in imports_of(MODULES[module])}
    assert not {name for name in found if is_within(name, EFFECTS)}


@pytest.mark.parametrize("module", PURE_MODULES)
def test_the_core_names_no_client(module: str) -> None:
    tree = ast.parse(MODULES[module].read_text("utf-8"))
    named = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "httpxr"
    }
    imported = {i.name.removeprefix("httpxr.") for i in imports_of(MODULES[module])}
    assert not (named | imported) & CLIENTS


def test_what_speaks_a_protocol_is_imported_by_the_transports_only() -> None:
    users = {
        storey_of(module)
        for module, path in MODULES.items()
        for imported in imports_of(path)
        if is_within(imported.name, {"httptools", "socksio"})
    }
    assert users == {"transports"}


def test_sockets_are_touched_by_their_drivers_only() -> None:
    users = {
        module.removeprefix(f"{PACKAGE}.transports.").partition(".")[0]
        for module, path in MODULES.items()
        for imported in imports_of(path)
        if storey_of(module) == "transports" and is_within(imported.name, {"socket"})
    }
    assert users == {"drivers", "conversation", "troubles"}  # for names only


def test_private_attributes_of_others_are_touched_in_one_file() -> None:
    """Only httpxr's: a private attribute is a pin."""
    users = {m for m, path in MODULES.items() if "noqa: SLF001" in path.read_text()}
    assert users == {f"{PACKAGE}.exchange.client"}


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
    left_out = {"__pycache__", "_build", Path(__file__).name}
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


def test_the_version_is_told_once_for_the_changelog_and_the_package() -> None:
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    version = re.search(r'^version = "(.+)"$', project, re.MULTILINE)
    assert version is not None
    assert f"## [{version[1]}]" in (ROOT / "CHANGELOG.md").read_text("utf-8")
    assert reconnecting_sse.__version__ == version[1]


def test_a_package_that_was_not_installed_has_no_version(monkeypatch) -> None:
    def version(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", version)
    assert not hasattr(reconnecting_sse, "__version__")


def test_the_version_is_not_looked_up_on_import() -> None:
    program = (
        "import sys, reconnecting_sse; sys.exit('importlib.metadata' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_public_name_is_imported_from_where_its_type_is() -> None:
    names = {each.name for each in imports_of(SOURCE / "__init__.py")}
    public = {name.rpartition(".")[2]: name.rpartition(".")[0] for name in names}
    assert set(reconnecting_sse.__all__) <= set(public)
    for name in reconnecting_sse.__all__:
        typed = getattr(importlib.import_module(public[name]), name)
        assert getattr(reconnecting_sse, name) is typed
    assert set(reconnecting_sse.__all__) <= set(dir(reconnecting_sse))


def test_the_package_imports_nothing_before_it_is_asked_for() -> None:
    program = (
        "import sys, reconnecting_sse\n"
        "early = ('httpxr', 'reconnecting_sse.')\n"
        "sys.exit(any(name.startswith(early) for name in sys.modules))"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
