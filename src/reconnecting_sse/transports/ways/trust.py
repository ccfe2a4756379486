"""Whom a transport trusts, and who it says it is."""

from __future__ import annotations

import errno
import os
import ssl
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from reconnecting_sse.transports.troubles import Trouble, reason

if TYPE_CHECKING:
    from reconnecting_sse.transports.ways.route import Route

StrPath = str | os.PathLike[str]
Verify = bool | StrPath | ssl.SSLContext
Certificate = StrPath | tuple[StrPath, StrPath] | tuple[StrPath, StrPath, str | bytes]

# What no file is to blame for, and passes.
_EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)


class UnusableFileError(ValueError):
    """A file of certificates is none, or cannot be read."""


class Contexts(NamedTuple):
    """What one connection needs."""

    proxy: ssl.SSLContext | None
    origin: ssl.SSLContext | None


class Trust:
    """Loads each context when it is first needed; two threads may both do it.

    Raises:
        ValueError: ``cert`` is given beside a context.
    """

    def __init__(self, verify: Verify, cert: Certificate | None) -> None:
        self._verify = verify
        self._cert = cert
        self._for_proxy: ssl.SSLContext | None = None
        self._for_origin: ssl.SSLContext | None = None
        if isinstance(verify, ssl.SSLContext):
            if cert is not None:
                raise ValueError(
                    "verify= is a context, which is used as it is: give it the client"
                    " certificate with its load_cert_chain(), and leave out cert="
                )
            self._for_proxy = self._for_origin = verify

    def is_loaded_for(self, route: Route) -> bool:
        """Whether ``contexts`` has nothing left to load."""
        has_proxy = self._for_proxy is not None or not route.needs_proxy_tls
        return has_proxy and (self._for_origin is not None or not route.needs_tls)

    def contexts(self, route: Route) -> Contexts:
        """The contexts for a route; a load that failed is tried anew the next time.

        Raises:
            UnusableFileError: It cannot be loaded; it says which.
            httpxr.ConnectError: There was no descriptor, or no memory, to load it with.
        """
        try:
            return self._loaded(route)
        except OSError as error:
            raise Trouble.UNREAD.at(route.where, reason(error)) from error

    def _loaded(self, route: Route) -> Contexts:
        if route.needs_proxy_tls and self._for_proxy is None:
            # The client certificate is for origins: a proxy does not see it.
            self._for_proxy = _shared(self._verify)
        if route.needs_tls and self._for_origin is None:
            if self._cert is None:
                self._for_origin = _shared(self._verify)
            else:
                self._for_origin = _identified(self._verify, self._cert)
        return Contexts(
            self._for_proxy if route.needs_proxy_tls else None,
            self._for_origin if route.needs_tls else None,
        )


def _shared(verify: Verify) -> ssl.SSLContext:
    return _system(ssl.get_default_verify_paths()) if verify is True else _own(verify)


@lru_cache(maxsize=1)
def _system(_: ssl.DefaultVerifyPaths) -> ssl.SSLContext:
    """The system's authorities, read once: that takes tens of milliseconds."""
    return _own(verify=True)


def _own(verify: Verify) -> ssl.SSLContext:
    assert not isinstance(verify, ssl.SSLContext)
    if isinstance(verify, bool):
        context = ssl.create_default_context()
        if verify:
            _read_at_last(context)
        else:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
    else:
        context = _trusting(os.fspath(verify))
    context.set_alpn_protocols(["http/1.1"])
    return context


def _read_at_last(context: ssl.SSLContext) -> None:
    # OpenSSL keeps silent about a file that it could not open.
    path = ssl.get_default_verify_paths().cafile
    if path is None or context.cert_store_stats()["x509"]:
        return
    try:
        context.load_verify_locations(path)
    except OSError as error:
        if _is_exhausted(error):
            raise


def _is_exhausted(error: Exception) -> bool:
    if not isinstance(error, OSError) or isinstance(error, ssl.SSLError):
        return False  # an SSLError's numbers are not the system's
    return error.errno in _EXHAUSTED


def _trusting(path: str) -> ssl.SSLContext:
    try:
        if Path(path).is_dir():
            return ssl.create_default_context(capath=path)
        return ssl.create_default_context(cafile=path)
    except OSError as error:
        if _is_exhausted(error):
            raise
        raise UnusableFileError(
            f"verify={path!r} is no file or directory of PEM certificates"
        ) from error


def _identified(verify: Verify, cert: Certificate) -> ssl.SSLContext:
    context = _own(verify)
    # A union of tuples of three lengths: their types are lost here.
    parts: Any = cert if isinstance(cert, tuple) else (cert,)
    missing: Any = (None, None)
    certificate, key, password = (*parts, *missing)[:3]
    # Without a password OpenSSL would ask for one at the terminal.
    secret = "" if password is None else password
    try:
        context.load_cert_chain(certificate, key, lambda: secret)
    except (OSError, TypeError, ValueError) as error:
        if _is_exhausted(error):
            raise
        shown = [os.fspath(part) for part in parts[:2]]
        raise UnusableFileError(
            f"cert={', '.join(map(repr, shown))} could not be loaded"
            f" ({getattr(error, 'reason', None) or type(error).__name__}); it names a"
            " PEM file with the certificate and its key, or (certificate, key), or"
            " (certificate, key, password) if the key is encrypted"
        ) from error
    return context
