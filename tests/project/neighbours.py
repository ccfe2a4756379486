"""Whether this package holds anything back that others need in its newest version.

A resolver is asked twice for each Python: for the neighbours alone, and for them and us
with all extras. Nothing that they get may be another version beside us. And we are to
fit in what Home Assistant pins, which is the strictest host that a library meets.

    python -m tests.project.neighbours
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import tomllib
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
EXTRAS = ",".join(PROJECT["optional-dependencies"])
OURS = f"{PROJECT['name']}[{EXTRAS}] @ {ROOT.as_uri()}"
NEIGHBOURS = ("aiobotocore", "discord-py", "fastapi", "langchain", "openai")
PYTHONS = ("3.11", "3.14")  # the first that is supported, and the newest
SECONDS = 180
"""How long a resolver may take; it needs a few, and more where it tries old ones."""

RESOLVE = ("-m", "uv", "pip", "compile", "-", "--quiet", "--no-header", "--no-annotate")
DOWNLOAD = ("-m", "pip", "download", "-qq", "--no-deps", "--only-binary=:all:")


def resolved(python: str, *wanted: str, within: Path | None = None) -> dict[str, str]:
    """The versions that are chosen, by name: those within constraints."""
    options = ["--python-version", python]
    options += [] if within is None else ["--constraint", str(within)]
    answer = subprocess.run(
        [sys.executable, *RESOLVE, *options],
        input="\n".join(wanted),
        stdout=subprocess.PIPE,
        timeout=SECONDS,
        check=True,
        text=True,
    )
    lines = [line.split(" ;")[0] for line in answer.stdout.splitlines() if "==" in line]
    return dict(line.split("==") for line in lines)


def held_back(alone: dict[str, str], beside: dict[str, str]) -> list[str]:
    """What has another version beside us than without us."""
    return [
        f"{name} {version} is {beside.get(name)} beside us"
        for name, version in alone.items()
        if beside.get(name) != version
    ]


def beside_neighbours(python: str) -> list[str]:
    """What of theirs we hold back."""
    alone, beside = resolved(python, *NEIGHBOURS), resolved(python, *NEIGHBOURS, OURS)
    versions = ", ".join(f"{name} {alone[name]}" for name in NEIGHBOURS)
    sys.stdout.write(f"{python}, with {versions}: {len(beside)} packages\n")
    return held_back(alone, beside)


def fit_in_home_assistant() -> None:
    """Raises what the resolver does if we do not."""
    newest = PYTHONS[-1]
    with tempfile.TemporaryDirectory() as folder:
        options = ["--dest", folder, "--python-version", newest]
        subprocess.run(
            [sys.executable, *DOWNLOAD, *options, "homeassistant"],
            timeout=SECONDS,
            check=True,
        )
        (wheel,) = Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            pins = archive.extract("homeassistant/package_constraints.txt", folder)
        found = resolved(newest, OURS, within=Path(pins))
    sys.stdout.write(f"{newest}, with {wheel.stem} pinning: {len(found)} packages\n")


def main() -> None:
    with ThreadPoolExecutor() as pool:
        pinned = pool.submit(fit_in_home_assistant)
        held = [line for each in pool.map(beside_neighbours, PYTHONS) for line in each]
        pinned.result()
    sys.exit("\n".join(held) or None)


if __name__ == "__main__":
    main()
