"""Servers that compress and do not flush: live all the same, or the error says why."""

from __future__ import annotations

import shutil
import subprocess
from contextlib import ExitStack
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest
from tenacity import stop_after_attempt

from reconnecting_sse import ReconnectionExhausted
from tests.connection_harness import FACES, data_of, new_source, reader_for
from tests.real_servers.servers import Gunicorn, Nginx, Node
from tests.real_servers.test_real_servers import BUFFER_ALL, NGINX

pytestmark = pytest.mark.endurance

NODE = shutil.which("node")

# Of HTTP/1.0, which nginx speaks by default, it would hold back what is not compressed,
# too, until a buffer is full.
GZIP_ALL = (
    "proxy_http_version 1.1; gzip on; gzip_proxied any; gzip_types text/event-stream;"
)


def of_wsgi(app):
    def start(folder):
        return [Gunicorn(folder, app)]

    return start


def of_node(folder):
    return [Node(folder, NODE, "express_app.js")]


def of_nginx(folder):
    behind = Gunicorn(folder, "plain")
    return [behind, Nginx(folder, NGINX, behind.port, BUFFER_ALL + GZIP_ALL)]


SITES = {
    "express": of_node,
    "flask": of_wsgi("flask"),
    "django": of_wsgi("django"),
    "nginx": of_nginx,
}


@cache
def missing():
    """What cannot be started here, and why."""
    found = {}
    if find_spec("gunicorn") is None:
        found |= dict.fromkeys(("flask", "django", "nginx"), "gunicorn")
    for module in ("flask_compress", "django"):
        if find_spec(module) is None:
            found[module.partition("_")[0]] = module
    if NGINX is None:
        found["nginx"] = "nginx: apt-get install nginx-light"
    if not has_express():
        found["express"] = "express: npm install --no-save express compression"
    return found


def has_express():
    needed = 'require("express"); require("compression")'
    if NODE is None:
        return False
    return not subprocess.run(
        [NODE, "-e", needed],
        cwd=Path(__file__).parent,
        stderr=subprocess.DEVNULL,
        check=False,
        timeout=20,
    ).returncode


@pytest.fixture(scope="module", params=SITES)
def url(request, tmp_path_factory):
    if request.param in missing():
        pytest.skip(f"not installed: {missing()[request.param]}")
    with ExitStack() as stack:
        servers = SITES[request.param](tmp_path_factory.mktemp(request.param))
        for server in servers:
            stack.callback(server.close)
        for server in servers:
            server.start(subprocess.DEVNULL)
        yield f"http://127.0.0.1:{servers[-1].port.number}/feed"


@pytest.fixture(params=FACES)
def face(request):
    return request.param


def taken(face, url, count, **options):
    with reader_for(face) as reader:
        source = new_source(face, url, stop=stop_after_attempt(1), **options)
        try:
            return reader.take(source, count)
        finally:
            reader.leave(source)


def test_events_are_live_unless_compression_is_asked_for(face, url):
    events = taken(face, url, 3, header_timeout=5.0, idle_timeout=5.0)
    assert data_of(events) == ["event 1", "event 2", "event 3"]


def test_with_compress_the_error_says_why_nothing_comes(face, url):
    times = {"header_timeout": 1.0, "idle_timeout": 1.0}
    with pytest.raises(ReconnectionExhausted) as caught:
        taken(face, url, 1, compress=True, **times)
    said = str(caught.value.__cause__).lower()
    assert "a server that compresses without flushing holds e" in said
