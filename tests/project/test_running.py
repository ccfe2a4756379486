"""How the tests themselves are run: on the loop that was chosen, and all of them."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys

import pytest

from tests import loops
from tests.conftest import SKIPPED_IN_CI

PROGRAM = "import asyncio; print(type(asyncio.new_event_loop()).__module__)"


def test_the_loop_is_of_the_chosen_kind():
    async def module():
        return type(asyncio.get_running_loop()).__module__

    assert asyncio.run(module()).partition(".")[0] == loops.name()


@pytest.mark.parametrize("name", ["asyncio", "uvloop"])
def test_a_child_s_loop_is_too(name):
    ran = outcome_of("-c", loops.IN_CHILDREN + PROGRAM, TEST_LOOP=name)
    assert ran.stdout.strip().partition(".")[0] == name, ran.stderr


def test_another_loop_is_refused():
    ran = outcome_of("-c", loops.IN_CHILDREN, TEST_LOOP="curio")
    assert "TEST_LOOP=curio is neither asyncio nor uvloop" in ran.stderr


SKIPPED = """
import pytest

def test_it(): pytest.skip("nginx is not installed")

@pytest.mark.skip(reason="nginx is not installed")
def test_by_a_mark(): pass
"""
SKIPPED_WHOLE = """
import pytest

pytest.skip("nginx is not installed", allow_module_level=True)
"""


def test_what_is_skipped_is_a_failure_in_ci_only(tmp_path):
    for number, program in enumerate([SKIPPED, SKIPPED_WHOLE]):
        (tmp_path / f"test_{number}.py").write_text(program, "utf-8")
    in_ci = of_pytest(tmp_path, "--continue-on-collection-errors", CI="true")
    assert "1 failed, 2 errors in" in in_ci.stdout
    assert "3 skipped in" in of_pytest(tmp_path, CI="").stdout


@pytest.mark.parametrize("reason", SKIPPED_IN_CI)
def test_a_release_s_fault_is_skipped_in_ci_too(reason, tmp_path):
    program = f"def test_it(): pytest.skip({reason!r})"
    assert status_of(program, tmp_path, CI="true") == 0


def test_what_is_expected_to_fail_may_do_so_in_ci(tmp_path):
    program = "@pytest.mark.xfail\ndef test_it(): assert False"
    assert status_of(program, tmp_path, CI="true") == 0


def status_of(program, folder, **variables):
    """pytest's exit status for a file of its own."""
    (folder / "test_it.py").write_text(f"import pytest\n\n{program}\n", "utf-8")
    return of_pytest(folder, **variables).returncode


def of_pytest(folder, *options, **variables):
    """How it ends under the project's conftest."""
    words = ["-m", "pytest", "-q", "-p", "tests.conftest", "--rootdir", str(folder)]
    return outcome_of(*words, *options, str(folder), **variables)


def outcome_of(*words, **variables):
    """A child's, which nobody measures."""
    path = os.pathsep.join(filter(None, sys.path))
    ours = {"PYTHONPATH": path, "COVERAGE_PROCESS_CONFIG": ""}
    return subprocess.run(
        [sys.executable, *words],
        env=os.environ | ours | variables,
        capture_output=True,
        text=True,
        check=False,
    )
