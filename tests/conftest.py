"""What holds for all tests: the event loop that they run on, and that CI skips none."""

from __future__ import annotations

import gc
import os
import posix
import sys
import threading

import coverage
import pytest

from reconnecting_sse.testing.crashes import lives
from tests import loops
from tests.stores import servers

# What is wrong with some release of Python, not missing on a machine.
SKIPPED_IN_CI = {"some releases of Python 3.12 crash when instructions are traced"}


@pytest.fixture
def unmeasured(monkeypatch):
    """To measure a life of ``crash_points`` takes longer than to live it."""
    monkeypatch.setattr(coverage.Coverage, "current", lambda: None)
    monkeypatch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)
    monkeypatch.setattr(os, "_exit", posix._exit)
    live = lives._live

    def untraced(*args):
        sys.settrace(None)
        threading.settrace(None)
        live(*args)

    monkeypatch.setattr(lives, "_live", untraced)


def pytest_collection_finish():
    """What there is by now stays: no gc.collect() of a test goes through it again."""
    gc.collect()
    gc.freeze()


def pytest_configure():
    loops.choose()


def pytest_report_header():
    return f"event loop: {loops.name()}"


# Around all others, so that it sees what they made of the outcome.
@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport():
    return _skipped_nowhere((yield))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_make_collect_report():
    return _skipped_nowhere((yield))


def _skipped_nowhere(report):
    """The report, a failure where CI would go without what others have."""
    if os.environ.get("CI") and report.skipped and not hasattr(report, "wasxfail"):
        *_, reason = report.longrepr
        if reason.removeprefix("Skipped: ") not in SKIPPED_IN_CI:
            report.outcome = "failed"
            report.longrepr = f"{reason}; in CI nothing may be missing"
    return report


# Servers of positions: one of each for a process, begun when a test needs it.
@pytest.fixture(scope="session")
def postgresql():
    with servers.postgresql() as server:
        yield server


@pytest.fixture(scope="session")
def mariadb():
    with servers.mariadb() as server:
        yield server


@pytest.fixture(scope="session")
def redis_server():
    with servers.redis_server() as server:
        yield server
