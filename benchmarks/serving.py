"""The server's process, and where it is."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import trustme

from benchmarks.server import HOST

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class Served:
    """Where a server is."""

    ports: dict[str, int]
    authority: str

    def url(self, path: str, *, tls: bool = False) -> str:
        scheme = "https" if tls else "http"
        return f"{scheme}://{HOST}:{self.ports[scheme]}{path}"


@contextmanager
def serving() -> Iterator[Served]:
    """A server in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        authority = trustme.CA()
        authority.cert_pem.write_to_path(f"{folder}/authority.pem")
        certificate = authority.issue_cert(HOST)
        certificate.private_key_and_cert_chain_pem.write_to_path(f"{folder}/own.pem")
        with _python("-m", "benchmarks.server", f"{folder}/own.pem") as server:
            assert server.stdout is not None
            ports = json.loads(server.stdout.readline())
            yield Served(ports, f"{folder}/authority.pem")


@contextmanager
def _python(*args: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(  # noqa: S603  (our own modules)
        [sys.executable, *args],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        try:
            yield process
        finally:
            process.stdin.close()
            process.wait(timeout=10)
