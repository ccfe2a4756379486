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
from pathlib import Path

import pytest

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
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """One that runs: its port, and its process."""

    def __init__(self, folder, port, process):
        self.folder, self.port, self.process = folder, port, process

    def stop(self, with_signal=signal.SIGTERM):
        self.process.send_signal(with_signal)
        self.process.wait(SECONDS)


def _as(user):
    """What lets a command run as the user, where that is needed: root is refused."""
    if os.getuid() != 0:
        return []
    return ["setpriv", "--reuid", user, "--regid", user, "--clear-groups"]


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
def _running(command, folder, port):
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=output, stdin=subprocess.DEVNULL, cwd=folder
        )
    try:
        _await(port, process, log)
        yield Server(folder, port, process)
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _await(port, process, log):
    end = time.monotonic() + SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(f"{process.args[0]} did not start: {log.read_text()[-2000:]}")


def _call(command, **keywords):
    done = subprocess.run(
        command, capture_output=True, timeout=2 * SECONDS, check=False, **keywords
    )
    assert not done.returncode, done.stderr.decode()[-2000:]


@contextmanager
def postgresql():
    """PostgreSQL, with a user and a database of his own."""
    initdb, server = program("initdb"), program("postgres")
    with _folder("postgres") as folder:
        data, port = folder / "data", free_port()
        secret = folder / "password"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        options = ["--no-sync", "-A", "scram-sha-256", "-E", "UTF8", "--locale=C.UTF-8"]
        user = ["-D", data, "-U", USER, f"--pwfile={secret}"]
        _call([*_as("postgres"), initdb, *user, *options], cwd=folder)
        settings = {
            "port": port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": folder,
            "fsync": "off",
            "max_connections": 100,
        }
        options = [word for n, v in settings.items() for word in ("-c", f"{n}={v}")]
        command = [*_as("postgres"), server, "-D", data, *options]
        with _running(command, folder, port) as running:
            yield running


@contextmanager
def mariadb():
    """MariaDB, with a user and a database of his own."""
    install, server = program("mariadb-install-db"), program("mariadbd")
    with _folder("mysql") as folder:
        data, port = folder / "data", free_port()
        begin = folder / "begin.sql"
        begin.write_text(
            f"CREATE DATABASE {USER};"
            f"CREATE USER {USER}@localhost IDENTIFIED BY '{PASSWORD}';"
            f"CREATE USER {USER}@'127.0.0.1' IDENTIFIED BY '{PASSWORD}';"
            f"GRANT ALL ON {USER}.* TO {USER}@localhost;"
            f"GRANT ALL ON {USER}.* TO {USER}@'127.0.0.1';\n".replace(";", ";\n")
        )
        begin.chmod(0o644)
        plain = ["--no-defaults", f"--datadir={data}"]
        _call([*_as("mysql"), install, *plain, "--skip-test-db"], cwd=folder)
        command = [*_as("mysql"), server, *plain, f"--port={port}"]
        command += ["--bind-address=127.0.0.1", f"--socket={folder}/socket"]
        command += [f"--pid-file={folder}/pid", f"--init-file={begin}"]
        command += ["--innodb-flush-log-at-trx-commit=0", "--skip-name-resolve"]
        with _running(command, folder, port) as running:
            yield running


@contextmanager
def redis_server():
    """Redis, without persistence, or with each write on disk."""
    server = program("redis-server")
    with _folder(pwd.getpwuid(os.getuid()).pw_name) as folder:
        port = free_port()
        command = [server, "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
        with _running([*command, "--dir", str(folder)], folder, port) as running:
            yield running
