"""The lowest version of each package that ours, with all its extras, allows.

They are read from pyproject.toml, so there is no second list:

    python -m tests.project.lowest            as requirements, for pip
    python -m tests.project.lowest --check    fails where another one is installed
"""

from __future__ import annotations

import argparse
import sys
import tomllib
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.version import Version

if TYPE_CHECKING:
    from collections.abc import Iterator

PROJECT = Path(__file__).parents[2] / "pyproject.toml"


def requirements() -> list[Requirement]:
    """What the package and its extras require of the Python that runs this."""
    project = tomllib.loads(PROJECT.read_text("utf-8"))["project"]
    extras = project["optional-dependencies"].values()
    stated = [*project["dependencies"], *(each for extra in extras for each in extra)]
    return [each for each in map(Requirement, stated) if _applies(each)]


def _applies(requirement: Requirement) -> bool:
    return requirement.marker is None or requirement.marker.evaluate()


def lowest(requirement: Requirement) -> Version:
    """The version after its ``>=``, which is there once."""
    (least,) = [each for each in requirement.specifier if each.operator == ">="]
    return Version(least.version)


def deviations() -> Iterator[str]:
    """Where another version is installed than the lowest."""
    for requirement in requirements():
        wanted = lowest(requirement)
        found = Version(metadata.version(requirement.name))
        if found != wanted:
            yield f"{requirement.name} is {found}, and the lowest allowed {wanted}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.project.lowest")
    parser.add_argument("--check", action="store_true")
    if parser.parse_args().check:
        sys.exit("\n".join(deviations()) or None)
    for requirement in requirements():
        sys.stdout.write(f"{requirement.name}=={lowest(requirement)}\n")


if __name__ == "__main__":
    main()
