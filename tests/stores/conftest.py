"""The servers that stores are tested with: one of each for all tests of a process."""

from __future__ import annotations

import pytest

from tests.stores import servers


@pytest.fixture(scope="session")
def postgresql():
    with servers.postgresql() as server:
        yield server


@pytest.fixture(scope="session")
def mariadb():
    with servers.mariadb() as server:
        yield server


@pytest.fixture(scope="session")
def redis_server():
    with servers.redis_server() as server:
        yield server
