"""Real servers of positions, on loopback, each in a folder of its own."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.real_servers.servers import Port

PASSWORD = "secret"
USER = "sse"
SECONDS = 30  # to start, on a busy machine
_PATHS = ["/usr/sbin", *map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin")))]


def program(name):
    """Where it is; the test is skipped if it is nowhere."""
    path = os.pathsep.join([os.environ.get("PATH", ""), *_PATHS])
    found = shutil.which(name, path=path)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def free_port():
    """One on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass
class Server:
    """One that runs: its port, and its process."""

    port: int
    process: subprocess.Popen


def _as(user, death="TERM"):
    """What lets a command run as the user, as root must not, and end when we do."""
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        return []
    ours = [setpriv, "--pdeathsig", death]
    if os.getuid() != 0:
        return ours
    return [*ours, "--reuid", user, "--regid", user, "--clear-groups"]


@contextmanager
def _folder(user):
    folder = Path(tempfile.mkdtemp(prefix="sse-"))
    try:
        if os.getuid() == 0:
            entry = pwd.getpwnam(user)
            os.chown(folder, entry.pw_uid, entry.pw_gid)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _running(command, folder, port, stop=signal.SIGTERM):
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=folder
        )
    try:
        port.wait_until_open(process)
        yield Server(port.number, process)
    finally:
        process.send_signal(stop)
        try:
            process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def _port():
    port = Port()
    try:
        yield port
    finally:
        port.close()


def _call(command, **keywords):
    done = subprocess.run(
        command, capture_output=True, timeout=2 * SECONDS, check=False, **keywords
    )
    assert not done.returncode, done.stderr.decode()[-2000:]


def _await(*command):
    """Until it succeeds: a server may listen before it is ready."""
    end = time.monotonic() + SECONDS
    while subprocess.run(command, timeout=SECONDS, check=False).returncode:
        assert time.monotonic() < end
        time.sleep(0.01)


@contextmanager
def postgresql():
    """PostgreSQL, with a user and a database of his own."""
    initdb, server = program("initdb"), program("postgres")
    with _folder("postgres") as folder, _port() as port:
        data = folder / "data"
        secret = folder / "password"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        options = ["--no-sync", "-A", "scram-sha-256", "-E", "UTF8", "--locale=C.UTF-8"]
        user = ["-D", data, "-U", USER, f"--pwfile={secret}"]
        _call([*_as("postgres"), initdb, *user, *options], cwd=folder)
        settings = {
            "port": port.number,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": folder,
            "fsync": "off",
            "max_connections": 100,
        }
        options = [word for n, v in settings.items() for word in ("-c", f"{n}={v}")]
        command = [*_as("postgres", "INT"), server, "-D", data, *options]
        # Not SIGTERM, which waits until the last client has left.
        with _running(command, folder, port, signal.SIGINT) as running:
            _await(
                program("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(running.port)
            )
            yield running


@contextmanager
def mariadb():
    """MariaDB, with a user and a database of his own."""
    install, server = program("mariadb-install-db"), program("mariadbd")
    with _folder("mysql") as folder, _port() as port:
        data = folder / "data"
        begin = folder / "begin.sql"
        begin.write_text(
            f"CREATE DATABASE {USER};"
            f"CREATE USER {USER}@localhost IDENTIFIED BY '{PASSWORD}';"
            f"CREATE USER {USER}@'127.0.0.1' IDENTIFIED BY '{PASSWORD}';"
            f"GRANT ALL ON {USER}.* TO {USER}@localhost;"
            f"GRANT ALL ON {USER}.* TO {USER}@'127.0.0.1';\n".replace(";", ";\n")
        )
        begin.chmod(0o644)
        # It removes what looks like its own in a temporary folder that others share.
        plain = ["--no-defaults", f"--datadir={data}", f"--tmpdir={folder}"]
        _call([*_as("mysql"), install, *plain, "--skip-test-db"], cwd=folder)
        command = [*_as("mysql"), server, *plain, f"--port={port.number}"]
        command += ["--bind-address=127.0.0.1", f"--socket={folder}/socket"]
        command += [f"--pid-file={folder}/pid", f"--init-file={begin}"]
        command += ["--innodb-flush-log-at-trx-commit=0", "--skip-name-resolve"]
        with _running(command, folder, port) as running:
            yield running


@contextmanager
def redis_server():
    """Redis, without persistence."""
    server = program("redis-server")
    user = pwd.getpwuid(os.getuid()).pw_name
    with _folder(user) as folder, _port() as port:
        command = [*_as(user), server, "--port", str(port.number), "--save", ""]
        command += ["--bind", "127.0.0.1", "--dir", str(folder)]
        with _running(command, folder, port) as running:
            yield running
