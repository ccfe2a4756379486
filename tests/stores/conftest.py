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
