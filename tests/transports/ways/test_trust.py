"""Certificates that could not be read for want of a descriptor: not for good."""

from __future__ import annotations

import resource
import ssl
from contextlib import contextmanager

import httpxr
import pytest
from tenacity import wait_none

from reconnecting_sse.transports.ways.route import Route
from reconnecting_sse.transports.ways.trust import Trust
from tests.connection_harness import FACES, data_of, new_client, new_source, reader_for
from tests.raw_wire import (
    CHUNKED,
    LAST,
    Server,
    answering,
    authority,
    framed,
    tls_context,
)
from tests.wires import WIRES

ROUTE = Route.to(httpxr.URL("https://origin.test/"))


@contextmanager
def no_descriptors():
    """Nothing more can be opened; what is open stays so."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture
def bundle(tmp_path, monkeypatch):
    """The system's authorities: ours alone, and never read before."""
    path = tmp_path / "authorities.pem"
    authority().cert_pem.write_to_path(path)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    return path


KINDS = {
    "the system's": lambda bundle, own: Trust(verify=True, cert=None),
    "a file's": lambda bundle, own: Trust(verify=bundle, cert=None),
    "with a certificate": lambda bundle, own: Trust(verify=True, cert=own),
}


@pytest.fixture(params=KINDS)
def trust(request, bundle):
    issued = authority().issue_cert("me@origin.test").private_key_and_cert_chain_pem
    own = bundle.with_name("own.pem")
    issued.write_to_path(own)
    return KINDS[request.param](bundle, own)


def test_what_could_not_be_read_is_read_the_next_time(trust):
    with (
        no_descriptors(),
        pytest.raises(httpxr.ConnectError, match=r"origin\.test:443.*Too many open"),
    ):
        trust.contexts(ROUTE)
    assert not trust.is_loaded_for(ROUTE)
    assert trust.contexts(ROUTE).origin.cert_store_stats()["x509"] == 1


@pytest.mark.parametrize("trust", ["the system's", "with a certificate"], indirect=True)
def test_a_descriptor_that_is_missing_for_a_moment_costs_no_authority(
    trust, monkeypatch
):
    load = ssl.create_default_context

    def starved(*args, **options):
        with no_descriptors():
            return load(*args, **options)

    monkeypatch.setattr(ssl, "create_default_context", starved)
    assert trust.contexts(ROUTE).origin.cert_store_stats()["x509"] == 1


def test_authorities_that_are_none_are_not_the_process_s_fault(bundle):
    bundle.write_text("none")
    assert not Trust(True, None).contexts(ROUTE).origin.cert_store_stats()["x509"]


class PatientServer(Server):
    """Lives in the process that cannot open anything for a while."""

    def accept(self):
        while self.listener.fileno() >= 0:
            super().accept()


@pytest.mark.parametrize("face", FACES)
def test_a_source_that_could_not_read_the_authorities_goes_on(face, bundle):
    script = answering(CHUNKED + framed(b"data: a\n\n") + LAST)
    starving = []

    def prepare(request, attempt):
        if attempt.number == 1:
            starving.append(no_descriptors())
            starving[0].__enter__()
        else:
            starving[0].__exit__(None, None, None)
        return request

    serving = PatientServer(script, context=tls_context())
    with serving as server, reader_for(face) as reader:
        source = new_source(
            face, server.url, prepare=prepare, wait=wait_none(), on_end="finish"
        )
        assert data_of(reader.take(source)) == ["a"]
    assert dict(source.stats.reconnects) == {"ConnectionFailed": 1}


@pytest.mark.parametrize("face", FACES)
def test_a_file_that_is_none_is_said_and_closes_the_source(face):
    transport = WIRES[face].transport(verify="none.pem")
    source = new_source(
        face, "https://127.0.0.1:1/", client=new_client(face, transport=transport)
    )
    with reader_for(face) as reader:
        with pytest.raises(ValueError, match=r"none\.pem"):
            reader.take(source)
        assert source.state == "closed"
        assert reader.take(source) == []
