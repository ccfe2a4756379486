"""The tutorial, followed by a shell in an empty folder, prints what its page shows."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.documents import ROOT, blocks_of, matches

pytestmark = pytest.mark.endurance

PAGE = ROOT / "docs" / "tutorial.md"
FILE = re.compile("<!-- file: (.+) -->")
NOT_RUN = "<!-- not run -->"
MARK = "=== {} ==="


def steps():
    """Files to write, and commands with what they are to print, in order."""
    for block in blocks_of(PAGE):
        if named := FILE.match(block.mark):
            yield named[1], block.text
        elif block.language == "console" and block.mark != NOT_RUN:
            for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
                command, _, shown = part.partition("\n")
                yield None, (command, shown)


def script():
    """The page as one shell script, which says when each command begins."""
    lines, expected = ["trap 'kill $(jobs -p) 2>/dev/null || true' EXIT"], []
    for name, what in steps():
        if name is not None:
            lines.append(
                f"cat > {shlex.quote(name)} <<'END_OF_FILE'\n{what}END_OF_FILE"
            )
        else:
            lines += [f"echo '{MARK.format(len(expected))}'", what[0]]
            expected.append(what)
    return "\n".join([*lines, f"echo '{MARK.format(len(expected))}'"]), expected


def test_the_tutorial_can_be_followed(tmp_path):
    text, expected = script()
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    ended = subprocess.run(
        ["bash", "-c", text],
        cwd=tmp_path,
        env={**os.environ, "PATH": path, "PYTEST_ADDOPTS": "-p no:randomly"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,  # as on a terminal
        text=True,
        timeout=50,
        check=False,
    )
    printed = re.split(r"^=== \d+ ===\n", ended.stdout, flags=re.MULTILINE)[1:]
    assert len(printed) == len(expected) + 1, ended.stdout
    for (command, shown), output in zip(expected, printed, strict=False):
        assert matches(output, shown), f"{command}\n{output}"


def test_all_of_it_was_found():
    names = [name for name, _ in steps()]
    assert names.count(None) == 24
    assert {"feed.py", "loop.py", "shop.py", "look.py", "test_shop.py"} < {*names}
