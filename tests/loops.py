"""The event loop that the tests run on: asyncio's own, or with ``TEST_LOOP=uvloop``."""

from __future__ import annotations

import asyncio
import os
import warnings

IN_CHILDREN = "import tests.loops; tests.loops.choose()\n"
"""What comes first in a program that a test runs in a process of its own."""


def name():
    return os.environ.get("TEST_LOOP") or "asyncio"


def choose():
    """Let ``asyncio.run``, every runner and every new loop be of the chosen kind."""
    if name() == "asyncio":
        return
    assert name() == "uvloop", f"TEST_LOOP={name()} is neither asyncio nor uvloop"
    import uvloop  # noqa: PLC0415  (it is not there on every platform)

    with warnings.catch_warnings():
        # Deprecated since 3.14: a policy is the one switch that all of them obey.
        warnings.simplefilter("ignore", DeprecationWarning)
        asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
