"""The clients' processes: one a library, which forks one for each measurement."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from importlib import import_module
from typing import Any

Result = dict[str, Any]

SECONDS = 30
"""How long one measurement may take before it counts as failed."""


class Clients:
    """Runs tasks, each in a fresh process that has its client's library imported.

    Attributes:
        python: That of the environment which has the libraries.
    """

    def __init__(self, python: str = sys.executable) -> None:
        self.python = python
        self._parents: dict[str, subprocess.Popen[str]] = {}

    def run(self, client: str, task: str, seconds: int = SECONDS, **of: Any) -> Result:
        """What the task reports; ``{"failed": why}`` where it did not get there."""
        parent = self._parents.get(client)
        if parent is None:
            parent = self._parents[client] = subprocess.Popen(  # noqa: S603  (as above)
                [self.python, "-m", "benchmarks.processes", client],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        assert parent.stdin is not None
        assert parent.stdout is not None
        print(json.dumps([task, seconds, of]), file=parent.stdin, flush=True)
        result: Result = json.loads(parent.stdout.readline())
        return result

    def close(self) -> None:
        for parent in self._parents.values():
            assert parent.stdin is not None
            parent.stdin.close()
            parent.wait(timeout=10)


def _fork_for(module: Any, task: str, seconds: int, of: dict[str, Any]) -> Result:
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        # Whatever happens, the child ends here, and not in its parent's loop.
        try:
            signal.alarm(seconds)  # ends it, however it hangs
            os.write(writer, json.dumps(_outcome(module, task, of)).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        answer = pipe.read()
    os.waitpid(child, 0)
    if not answer:
        return {"failed": f"not done after {seconds} s"}
    result: Result = json.loads(answer)
    return result


def _outcome(module: Any, task: str, of: dict[str, Any]) -> Result:
    group, _, name = task.partition(".")
    try:
        result: Result = getattr(import_module(f"benchmarks.{group}"), name)(
            module, **of
        )
    except Exception as error:  # noqa: BLE001  (a peer may raise anything: it is told)
        return {"failed": f"{type(error).__name__}: {error}"[:200]}
    return result


def main() -> None:
    """Import a client's library, then run the tasks that standard input asks for."""
    module = import_module(f"benchmarks.clients.{sys.argv[1]}")
    for group in ("reading", "pace", "idle"):
        import_module(f"benchmarks.{group}")
    for line in sys.stdin:
        task, seconds, of = json.loads(line)
        print(json.dumps(_fork_for(module, task, seconds, of)), flush=True)


if __name__ == "__main__":
    main()
