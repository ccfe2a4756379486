"""The command line, in this process or in one of its own."""

from __future__ import annotations

import signal
import subprocess
import sys
from inspect import signature
from subprocess import PIPE

from click.testing import CliRunner

from reconnecting_sse.cli import commands

COMMAND = (sys.executable, "-X", "dev", "-W", "error", "-m", "reconnecting_sse")

# Before click 8.2 both outputs are mixed, unless it is told; since, it cannot be told.
APART = {"mix_stderr": False} if "mix_stderr" in signature(CliRunner).parameters else {}


def invoked(*words):
    return CliRunner(**APART).invoke(commands, words)


class Child:
    """The real program in a process of its own."""

    def __init__(self, *words, stdout=PIPE, **options):
        self.process = subprocess.Popen(
            [*COMMAND, "tail", *words], stdout=stdout, stderr=PIPE, **options
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()

    def line(self):
        return self.process.stdout.readline().decode()

    def error_line(self):
        return self.process.stderr.readline().decode()

    def end(self):
        """The exit status and what is left on stderr."""
        status = self.process.wait(10)
        return status, self.process.stderr.read().decode()

    def stop(self, number=signal.SIGINT):
        self.process.send_signal(number)
        return self.end()
