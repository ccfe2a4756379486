"""A server's end of TLS."""

from __future__ import annotations

import ssl
import traceback
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket


def wrapped(context: ssl.SSLContext, sock: socket.socket) -> ssl.SSLSocket:
    """``sock`` under TLS, its handshake still to be done; closed if that fails."""
    try:
        return context.wrap_socket(
            sock, do_handshake_on_connect=False, server_side=True
        )
    except BaseException as error:
        # Where a reset came first, CPython 3.11 and 3.12 leave the socket that they
        # have made out of ``sock`` open: nothing but the traceback knows it.
        for frame, _ in traceback.walk_tb(error.__traceback__):
            made = frame.f_locals.get("self")
            if isinstance(made, ssl.SSLSocket):
                made.close()
        raise
