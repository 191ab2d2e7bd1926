"""Scopes: grammar, wildcards, implication, reduction."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_apiaccess.core.scopes import ScopeNameError, ScopeRegistry, dump, parse

RESOURCES = ["a", "b", "c"]
ACTIONS = ["read", "write", "delete"]
NAMES = [f"{resource}:{action}" for resource in RESOURCES for action in ACTIONS]
GRANTABLE = [*NAMES, *(f"{resource}:*" for resource in RESOURCES)]


@st.composite
def registries(draw):
    """A registry in which anything may imply anything, in circles too."""
    registry = ScopeRegistry()
    for name in draw(st.sets(st.sampled_from(NAMES), min_size=1)):
        implied = draw(st.sets(st.sampled_from(GRANTABLE), max_size=3))
        registry.declare(name, name, implies=implied, permissions=[f"app.{name.replace(':', '_')}"])
    return registry


sets_of_names = st.sets(st.sampled_from([*GRANTABLE, "unknown:thing", "unknown:*"]))


@pytest.fixture
def shop():
    registry = ScopeRegistry()
    registry.declare("orders:read", "See", permissions=["shop.view_order"])
    registry.declare("orders:write", "Write", permissions=["shop.add_order"], implies=["orders:read"])
    registry.declare("orders:refund", "Refund", implies=["orders:write"])
    registry.declare("books:read", "Books")
    return registry


@pytest.mark.parametrize(
    "name",
    [
        "orders",
        "orders:",
        ":read",
        "Orders:read",
        "orders:Read",
        "orders:read:all",
        "orders read",
        "orders:*",
        "*",
        "*:*",
        "",
        " orders:read",
        "orders:read ",
        "orders:read\n",
        "órders:read",
        "orders:re,ad",
        'orders:"',
        "orders:\\",
        "-orders:read",
        "orders:.read",
        "a" * 99 + ":b",
    ],
)
def test_a_bad_name_cannot_be_declared(name):
    with pytest.raises(ScopeNameError, match="resource:action"):
        ScopeRegistry().declare(name, "bad")


@pytest.mark.parametrize(
    "name", ["orders:read", "a:b", "0:1", "shop.orders:read-all", "under_score:x.y", "a" * 98 + ":b"]
)
def test_a_good_name_can(name):
    registry = ScopeRegistry()
    assert registry.declare(name, "good").resource == name.partition(":")[0]
    assert name in registry


def test_an_implied_name_must_be_one():
    with pytest.raises(ScopeNameError, match="implies"):
        ScopeRegistry().declare("a:b", "", implies=["nonsense"])


@pytest.mark.parametrize("argument", ["implies", "permissions"])
def test_a_string_in_the_place_of_a_list_is_an_error_and_not_read_letter_by_letter(argument):
    registry = ScopeRegistry()
    with pytest.raises(TypeError, match=f"{argument}=\\['shop:read'\\]"):
        registry.declare("a:b", "", **{argument: "shop:read"})
    assert len(registry) == 0


def test_implied_names_from_a_generator_are_kept():
    registry = ScopeRegistry()
    registry.declare("a:read", "")
    registry.declare("a:write", "", implies=(name for name in ["a:read"]))
    assert registry.expand(["a:write"]) == {"a:read", "a:write"}


def test_declaring_the_same_twice_is_harmless_and_another_meaning_is_refused(shop):
    shop.declare("books:read", "Books")
    with pytest.raises(ValueError, match="declared twice"):
        shop.declare("books:read", "Other books")
    with pytest.raises(ValueError, match="declared twice"):
        shop.declare("books:read", "Books", permissions=["shop.view_book"])


def test_implication_is_followed_through(shop):
    assert shop.expand(["orders:refund"]) == {"orders:refund", "orders:write", "orders:read"}
    assert shop.permissions(["orders:refund"]) == {"shop.add_order", "shop.view_order"}


def test_a_wildcard_covers_what_is_declared_later_too(shop):
    assert shop.expand(["orders:*"]) == {"orders:refund", "orders:write", "orders:read"}
    shop.declare("orders:export", "Export")
    assert "orders:export" in shop.expand(["orders:*"])


def test_a_forgotten_scope_opens_nothing_at_once(shop):
    assert shop.expand(["books:read"])
    shop.forget("books:read")
    assert shop.expand(["books:read", "books:*"]) == frozenset()


@pytest.mark.parametrize("name", ["nobody:knows", "nobody:*", "*", "*:*", ":*", "orders", "orders:", "ORDERS:read", ""])
def test_what_nobody_declared_opens_nothing(shop, name):
    assert shop.expand([name]) == frozenset()
    assert shop.permissions([name]) == frozenset()
    assert not shop.knows(name)


def test_a_circle_of_implications_ends():
    registry = ScopeRegistry()
    registry.declare("a:read", "", implies=["a:write"])
    registry.declare("a:write", "", implies=["b:*"])
    registry.declare("b:read", "", implies=["a:read"])
    everything = {"a:read", "a:write", "b:read"}
    assert all(registry.expand([name]) == everything for name in everything)
    assert len(registry.reduce(everything)) == 1


def test_an_error_names_the_nearest_scope(shop):
    assert shop.complaint("orders:raed") == "Unknown scope 'orders:raed'. Did you mean 'orders:read'?"
    assert shop.complaint("order:*") == "Unknown scope 'order:*'. Did you mean 'orders:*'?"
    assert shop.complaint("orders:read") is None
    assert shop.complaint("orders:*") is None
    assert "resource:action" in shop.complaint("orders read")
    assert "books:read, orders:read" in shop.complaint("zzz:zzz")
    assert "declare them" in ScopeRegistry().complaint("a:b")


def test_texts_and_sets():
    assert parse(" b:y  a:x\tb:y ") == {"a:x", "b:y"}
    assert parse("") == frozenset()
    assert dump(["b:y", "a:x", "b:y"]) == "a:x b:y"
    assert parse(dump({"a:x", "b:*"})) == {"a:x", "b:*"}


@given(registries(), sets_of_names)
def test_expanding_twice_changes_nothing(registry, names):
    once = registry.expand(names)
    assert registry.expand(once) == once
    assert once <= registry.names()


@given(registries(), sets_of_names, sets_of_names)
def test_more_names_never_give_less(registry, names, more):
    assert registry.expand(names) <= registry.expand(names | more)
    assert registry.permissions(names) <= registry.permissions(names | more)
    assert registry.expand(names | more) == registry.expand(names) | registry.expand(more)


@given(registries(), sets_of_names)
def test_reducing_keeps_the_meaning_and_leaves_nothing_out_that_counts(registry, names):
    reduced = registry.reduce(names)
    assert reduced <= names
    assert registry.expand(reduced) == registry.expand(names)
    assert all(registry.expand(reduced - {name}) != registry.expand(names) for name in reduced)
    assert registry.reduce(reduced) == reduced
