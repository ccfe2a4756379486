"""What the package demands of others: a tested lowest version, and no highest."""

from __future__ import annotations

import pytest

from tests.project.lowest import lowest, requirements
from tests.project.neighbours import held_back

# Some of its private attributes are read.
BOUNDED_ABOVE = {"httpxr"}


@pytest.mark.parametrize("requirement", requirements(), ids=lambda each: each.name)
def test_every_dependency_states_the_lowest_version_that_it_may_have(requirement):
    assert lowest(requirement) in requirement.specifier


@pytest.mark.parametrize("requirement", requirements(), ids=lambda each: each.name)
def test_no_dependency_has_a_highest_version_but_httpxr(requirement):
    operators = {each.operator for each in requirement.specifier}
    bounded = {">=", "<"} if requirement.name in BOUNDED_ABOVE else {">="}
    assert operators == bounded


def test_what_another_version_or_none_is_installed_of_is_held_back():
    alone = {"starlette": "1.10.0", "click": "8.5.1", "anyio": "4.16.0"}
    assert held_back(alone, alone | {"httpxr": "0.30.24"}) == []
    assert held_back(alone, {"starlette": "1.10.0", "click": "8.1"}) == [
        "click 8.5.1 is 8.1 beside us",
        "anyio 4.16.0 is None beside us",
    ]
