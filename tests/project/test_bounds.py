"""What the package demands of others: a tested lowest version, and no highest."""

from __future__ import annotations

import pytest

from tests.project.lowest import lowest, requirements

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
