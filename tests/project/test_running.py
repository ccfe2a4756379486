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


@pytest.mark.parametrize(
    ("place", "program"),
    [
        ("a test", "def test_it(): pytest.skip({reason!r})"),
        ("a mark", "@pytest.mark.skip(reason={reason!r})\ndef test_it(): pass"),
        ("a module", "pytest.skip({reason!r}, allow_module_level=True)"),
    ],
)
def test_what_is_skipped_is_a_failure_in_ci_only(place, program, tmp_path):
    of_a_machine = program.format(reason="nginx is not installed")
    assert status_of(of_a_machine, tmp_path, CI="true") != 0
    assert status_of(of_a_machine, tmp_path, CI="") in {0, 5}  # 5: there was no other


@pytest.mark.parametrize("reason", SKIPPED_IN_CI)
def test_a_release_s_fault_is_skipped_in_ci_too(reason, tmp_path):
    program = f"def test_it(): pytest.skip({reason!r})"
    assert status_of(program, tmp_path, CI="true") == 0


def test_what_is_expected_to_fail_may_do_so_in_ci(tmp_path):
    program = "@pytest.mark.xfail\ndef test_it(): assert False"
    assert status_of(program, tmp_path, CI="true") == 0


def status_of(program, folder, **variables):
    """pytest's exit status for a file of its own under the project's conftest."""
    file = folder / "test_of_its_own.py"
    file.write_text(f"import pytest\n\n{program}\n", "utf-8")
    options = ("-q", "-p", "tests.conftest", "--rootdir", str(folder))
    return outcome_of("-m", "pytest", *options, str(file), **variables).returncode


def outcome_of(*words, **variables):
    path = os.pathsep.join(filter(None, sys.path))
    return subprocess.run(
        [sys.executable, *words],
        env=os.environ | {"PYTHONPATH": path} | variables,
        capture_output=True,
        text=True,
        check=False,
    )
