"""Whether this package holds anything back that others need in its newest version.

pip is asked twice what it would install: for the neighbours alone, and for them and us
with all extras. Nothing that they get may be another version beside us.

    python -m tests.project.neighbours
"""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parents[2]
OURS = f"{ROOT}[compression,redis,socks,sql,testing]"
NEIGHBOURS = ("aiobotocore", "discord.py", "fastapi", "langchain", "openai")
SECONDS = 180
"""How long pip may take; it needs a few, and for ever where it tries old releases."""

ASK = ("-m", "pip", "install", "--dry-run", "--ignore-installed", "--report", "-")


def resolved(*wanted: str) -> dict[str, str]:
    """The versions that pip chooses, by name."""
    answer = subprocess.run(
        [sys.executable, *ASK, "-qq", *wanted],
        stdout=subprocess.PIPE,
        timeout=SECONDS,
        check=True,
    )
    found = [each["metadata"] for each in json.loads(answer.stdout)["install"]]
    return {each["name"]: each["version"] for each in found}


def held_back(alone: dict[str, str], beside: dict[str, str]) -> list[str]:
    """What has another version beside us than without us."""
    return [
        f"{name} {version} is {beside.get(name)} beside us"
        for name, version in alone.items()
        if beside.get(name) != version
    ]


def main() -> None:
    asked = (NEIGHBOURS, (*NEIGHBOURS, OURS))
    with ThreadPoolExecutor() as pool:
        alone, beside = pool.map(lambda wanted: resolved(*wanted), asked)
    versions = ", ".join(f"{name} {alone[name]}" for name in NEIGHBOURS)
    sys.stdout.write(f"with {versions}: {len(beside)} packages\n")
    sys.exit("\n".join(held_back(alone, beside)) or None)


if __name__ == "__main__":
    main()
