"""The command line in this process, with its two outputs told apart."""

from __future__ import annotations

from inspect import signature

from click.testing import CliRunner

from reconnecting_sse.cli import commands

# Before click 8.2 they are mixed, unless it is told; since then it cannot be told.
APART = {"mix_stderr": False} if "mix_stderr" in signature(CliRunner).parameters else {}


def invoked(*words):
    return CliRunner(**APART).invoke(commands, words)
