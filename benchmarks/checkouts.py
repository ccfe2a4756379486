"""Two revisions of this package side by side, each installed in its own environment."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PLACE = ROOT / ".venv-against"

WHERE = "import reconnecting_sse; print(reconnecting_sse.__file__)"


@dataclass(frozen=True)
class Checkout:
    """One revision, ready to be measured.

    Attributes:
        name: What it is called in the table.
        revision: The commit, and whether files have changed since.
        python: That of the environment in which it is installed.
    """

    name: str
    revision: str
    python: str


def prepared(name: str, source: str) -> Checkout:
    """What ``source`` names, a folder or a revision of this repository, installed."""
    place = PLACE / name
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    folder = Path(source).resolve() if Path(source).is_dir() else None
    if folder is None:
        revision = _said("git", "-C", ROOT, "log", "-1", "--format=%h %s", source)
        folder = _extracted(source, place)
    else:
        revision = _state_of(folder)
    return Checkout(name, revision, _installed(folder, place / "environment"))


def _state_of(folder: Path) -> str:
    """The folder's commit, where it has one."""
    if not (folder / ".git").exists():
        return folder.name
    changed = _said("git", "-C", folder, "status", "--porcelain", "src")
    commit = _said("git", "-C", folder, "log", "-1", "--format=%h %s")
    return f"{commit}{', changed since' if changed else ''}"


def _extracted(revision: str, place: Path) -> Path:
    archive, folder = place / "source.tar", place / "source"
    _said("git", "-C", ROOT, "archive", f"--output={archive}", revision)
    shutil.unpack_archive(archive, folder)
    return folder


def _installed(folder: Path, environment: Path) -> str:
    """The Python of a new environment that has the folder's package."""
    _said(sys.executable, "-m", "venv", environment)
    python = environment / "bin" / "python"
    quiet = ("-qq", "--disable-pip-version-check")
    _said(python, "-m", "pip", "install", *quiet, "--editable", folder)
    found = _said(python, "-P", "-c", WHERE)
    assert Path(found).is_relative_to(folder), f"{found} is not of {folder}"
    return str(python)


def _said(*command: str | Path) -> str:
    done = subprocess.run(  # noqa: S603  (git, pip, and what they installed)
        command, stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout.strip()
