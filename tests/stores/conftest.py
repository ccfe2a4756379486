"""Every store, and every one that has transactions, for one list of scenarios."""

from __future__ import annotations

import pytest

from tests.stores.harness import HARNESSES


@pytest.fixture(params=list(HARNESSES))
def harness(request, tmp_path):
    with HARNESSES[request.param](request, tmp_path) as made:
        yield made


@pytest.fixture(params=[name for name in HARNESSES if name != "memory"])
def transactional(request, tmp_path):
    with HARNESSES[request.param](request, tmp_path) as made:
        yield made


@pytest.fixture(params=[n for n in HARNESSES if not n.startswith(("memory", "sqlite"))])
def free(request, tmp_path):
    """Those in which several transactions can be open at once."""
    with HARNESSES[request.param](request, tmp_path) as made:
        assert not made.store.is_exclusive
        yield made
