"""Claims about what Headwater stands on: every locked package has a licence that lets it, and the page says which."""

from __future__ import annotations

import pytest

from tests.licences import ALLOWED, licence_of, locked, on_page, parts


def test_the_page_lists_every_locked_package():
    assert set(on_page()) - {"packages of requirements.lock", "---"} == set(locked())


@pytest.mark.parametrize("package", locked())
def test_every_package_has_a_licence_that_allows_its_use(package):
    licence = licence_of(package)
    if licence is not None:  # else it is for another platform
        assert parts(licence) <= ALLOWED, licence
        assert on_page()[package] == licence


def test_an_expression_is_taken_apart():
    assert parts("MIT AND (BSD-2-Clause OR Apache-2.0 WITH LLVM-exception)") == {
        "MIT",
        "BSD-2-Clause",
        "Apache-2.0",
        "LLVM-exception",
    }
