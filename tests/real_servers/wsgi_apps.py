"""One feed, as it is served by WSGI: plain, and behind middleware that compresses.

Three events at once, and then heartbeats only. Each process imports what it needs.
"""
# ruff: noqa: PLC0415

from __future__ import annotations

import itertools
import time

STREAM = "text/event-stream"
BEAT = 0.05


def feed():
    for number in (1, 2, 3):
        yield f"id: {number}\ndata: event {number}\n\n".encode()
    for _ in itertools.repeat(None):
        time.sleep(BEAT)
        yield b": beat\n\n"


def plain():
    def app(environ, start_response):
        start_response("200 OK", [("Content-Type", STREAM)])
        return feed()

    return app


def flask():
    """Flask-Compress, for event streams, too."""
    from flask import Flask, Response
    from flask_compress import Compress

    app = Flask(__name__)
    app.config["COMPRESS_MIMETYPES"] = [STREAM]
    Compress(app)
    app.add_url_rule("/feed", "feed", lambda: Response(feed(), mimetype=STREAM))
    return app


def django():
    """Django's GZipMiddleware, which compresses whatever is streamed."""
    from django.conf import settings
    from django.core.wsgi import get_wsgi_application
    from django.http import StreamingHttpResponse
    from django.urls import path

    def view(request):
        return StreamingHttpResponse(feed(), content_type=STREAM)

    settings.configure(
        ALLOWED_HOSTS=["127.0.0.1"],
        MIDDLEWARE=["django.middleware.gzip.GZipMiddleware"],
        ROOT_URLCONF=(path("feed", view),),
    )
    return get_wsgi_application()
