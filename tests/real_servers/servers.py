"""uvicorn, gunicorn, node and nginx, each on a port of loopback."""

from __future__ import annotations

import contextlib
import os
import pwd
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
START_TIMEOUT = 15.0
STOP_TIMEOUT = 20.0
POLL = 0.02

WORKERS = 2


class Port:
    """A port that stays ours while the server on it is down.

    A socket that is bound but does not listen refuses connections, and lets nobody
    else be given its number.
    """

    def __init__(self):
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(("127.0.0.1", 0))
        self.number = self._socket.getsockname()[1]

    def close(self):
        self._socket.close()

    def wait_until_open(self, process):
        until = time.monotonic() + START_TIMEOUT
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.number), POLL * 10).close()
            except OSError:
                assert process.poll() is None, "the server ended at once"
                assert time.monotonic() < until, "the server does not come up"
                time.sleep(POLL)  # nothing tells when a port opens
            else:
                return


class Server:
    """A child process in a group of its own, with all that it starts."""

    def __init__(self, folder):
        self.port = Port()
        self.folder = folder
        self._process = None

    def command(self):
        raise NotImplementedError

    def environment(self):
        # A server that is killed would leave half a file of coverage's behind.
        return {k: v for k, v in os.environ.items() if not k.startswith("COVERAGE_")}

    def start(self, stdout):
        with (self.folder / f"{type(self).__name__}.log").open("ab") as log:
            self._process = subprocess.Popen(
                self.command(),
                cwd=ROOT,
                env=self.environment(),
                stdout=stdout,
                stderr=log,
                start_new_session=True,
            )
        self.port.wait_until_open(self._process)

    def signal(self, number):
        self._process.send_signal(number)

    def stop(self):
        """End it, and whatever of its group is left."""
        self._process.terminate()
        try:
            self._process.wait(STOP_TIMEOUT)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(STOP_TIMEOUT)

    def close(self):
        if self._process is not None:
            self.stop()
        self.port.close()


class Uvicorn(Server):
    """The feed, served by several workers."""

    def command(self):
        return [
            *(sys.executable, "-m", "uvicorn", "tests.real_servers.feed_app:app"),
            *("--host", "127.0.0.1", "--port", str(self.port.number)),
            *("--workers", str(WORKERS), "--log-level", "warning"),
        ]

    def environment(self):
        stalls = self.folder / "stalls"
        stalls.mkdir(exist_ok=True)
        return {**super().environment(), "STALLS": str(stalls)}


class Gunicorn(Server):
    """One of the WSGI applications."""

    def __init__(self, folder, app):
        super().__init__(folder)
        self._app = app

    def command(self):
        return [
            *(sys.executable, "-m", "gunicorn", "--no-control-socket"),
            *("--bind", f"127.0.0.1:{self.port.number}", "--threads", "16"),
            *("--log-level", "warning", "--worker-tmp-dir", str(self.folder)),
            *("--graceful-timeout", "0"),
            f"tests.real_servers.wsgi_apps:{self._app}()",
        ]


class Node(Server):
    """A script that is told its port."""

    def __init__(self, folder, program, script):
        super().__init__(folder)
        self._command = [program, str(Path(__file__).with_name(script))]

    def command(self):
        return [*self._command, str(self.port.number)]


# All but two lines are there to keep it in its folder and on loopback. The timeout is
# 60 s by default; a reload lets old connections last forever unless told otherwise.
NGINX = """
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
worker_processes 1;
worker_shutdown_timeout 200ms;
{user}
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://127.0.0.1:{upstream};
            proxy_read_timeout 2s;
            {extra}
        }}
    }}
}}
"""


class Nginx(Server):
    """A reverse proxy with nginx's defaults, but for a read timeout of 2 s."""

    def __init__(self, folder, program, upstream, extra):
        super().__init__(folder)
        self._program = program
        root = pwd.getpwuid(0).pw_name
        text = NGINX.format(
            folder=folder,
            port=self.port.number,
            upstream=upstream.number,
            extra=extra,
            # Started by root its workers would be somebody who cannot read the folder.
            user="" if os.geteuid() else f"user {root};",
        )
        (folder / "nginx.conf").write_text(text)

    def command(self):
        place = ("-p", str(self.folder), "-e", str(self.folder / "error.log"))
        return [self._program, *place, "-c", str(self.folder / "nginx.conf")]
