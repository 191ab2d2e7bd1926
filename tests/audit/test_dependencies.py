"""Versions are compared as PEP 440 says, and the table of known holes is sound."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version as Official

from django_apiaccess.access.audit.dependencies import table
from django_apiaccess.access.audit.versions import Version

numbers = st.integers(0, 30)
released = st.lists(numbers, min_size=1, max_size=4).map(lambda parts: ".".join(map(str, parts)))
suffixes = st.one_of(
    st.just(""),
    st.tuples(st.sampled_from(["a", "b", "rc"]), numbers).map(lambda pair: f"{pair[0]}{pair[1]}"),
    numbers.map(lambda number: f".dev{number}"),
    st.tuples(numbers, numbers).map(lambda pair: f"b{pair[0]}.dev{pair[1]}"),
)
versions = st.tuples(st.sampled_from(["", "", "", "1!"]), released, suffixes).map("".join)


@given(versions, versions)
def test_versions_are_ordered_as_packaging_orders_them(left: str, right: str) -> None:
    assert (Version(left) < Version(right)) == (Official(left) < Official(right))
    assert (Version(left) == Version(right)) == (Official(left) == Official(right))


@pytest.mark.parametrize("text", ["5.2.19.post1", "5.2.19+local.1", "v5.2.19", "5.2.19.0"])
def test_what_comes_after_a_release_counts_as_the_release(text: str) -> None:
    assert Version(text) == Version("5.2.19")
    assert Version(text).line == "5.2"


@pytest.mark.parametrize("text", ["", "abc", "5..2", "5.2 beta", "1.0-"])
def test_what_is_no_version_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no version"):
        Version(text)


def test_the_table_is_sound() -> None:
    seen = set()
    for advisory in table().advisories:
        assert (advisory.package, advisory.id) not in seen
        seen.add((advisory.package, advisory.id))
        assert advisory.affected
        assert all(since < fixed for since, fixed in advisory.affected)
        assert advisory.summary.endswith(".")
        assert len(advisory.summary) < 130
        assert advisory.id.startswith(("CVE-", "GHSA-", advisory.package))
    assert len(seen) > 100


@pytest.mark.parametrize(
    ("id", "installed", "fixed"),
    [
        ("CVE-2025-64459", "5.2.7", "5.2.8"),
        ("CVE-2025-64459", "5.2.8", None),
        ("CVE-2025-64459", "5.1.13", "5.1.14"),
        ("CVE-2025-64459", "4.2.25", "4.2.26"),
        ("CVE-2025-64459", "6.0", None),
        ("CVE-2025-64459", "5.2.8rc1", "5.2.8"),
        ("CVE-2022-29217", "2.3.0", "2.4.0"),
        ("CVE-2022-29217", "1.4.0", None),
        ("CVE-2023-43804", "1.26.16", "1.26.17"),
        ("CVE-2023-43804", "1.26.18", None),
        ("CVE-2023-43804", "2.0.5", "2.0.6"),
    ],
)
def test_cf_07_a_hole_is_in_the_lines_that_have_it_and_in_no_other(id: str, installed: str, fixed: str | None) -> None:  # noqa: A002
    advisory = next(each for each in table().advisories if each.id == id)
    found = advisory.fixed_for(Version(installed))
    assert (found.text if found else None) == fixed
