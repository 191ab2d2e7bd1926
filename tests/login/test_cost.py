"""What logging in with second factors costs, in statements; and that a request afterwards costs what it did before."""

import pytest

from django_apiaccess.mfa import recovery
from tests.mfa.factors import app_of, call, code_of, log_in, pending, post, tokens_with, verify, wrong_for
from tests.test_budgets import statements


def counted(call_it, status):
    with statements() as seen:
        answer = call_it()
    assert answer.status_code == status, answer.content
    return [sql for sql in seen if not sql.startswith(("SAVEPOINT", "RELEASE", "ROLLBACK", "BEGIN", "COMMIT"))]


@pytest.fixture
def warm(app, ann, phone, clock):
    """Ann with three kinds of factors, at a place where she was before."""
    recovery.make(ann)
    tokens_with(app)
    clock.next_code()
    return app


def test_the_first_step_asks_a_bounded_number(warm, clock):
    first = counted(log_in, 403)
    for number in range(6):
        app_of(warm.user, seed=bytes([number]) * 20, name=str(number))
    assert len(counted(log_in, 403)) == len(first)
    assert len(first) <= 24


def test_the_second_step_asks_a_bounded_number(warm, clock):
    token = pending()
    assert len(counted(lambda: verify(token, warm.uid, code_of(warm)), 200)) <= 36
    clock.next_code()
    token = pending()
    assert len(counted(lambda: verify(token, warm.uid, wrong_for(warm)), 400)) <= 20


def test_a_token_that_is_none_costs_nothing_and_an_unknown_one_a_look(warm, clock):
    good = pending()
    assert counted(lambda: verify(good[:-1], "totp", "123456"), 401) == []
    assert len(counted(lambda: verify("mfa_" + "0" * 61, "totp", "123456"), 401)) <= 1


def test_a_step_up_asks_a_bounded_number(warm, clock):
    access = tokens_with(warm)["access_token"]
    clock.next_code()
    assert len(counted(lambda: post("mfa/step-up/", {}, token=access), 200)) <= 16
    started = post("mfa/step-up/", {}, token=access).json()["mfa_token"]
    body = {"mfa_token": started, "method": "totp", "code": code_of(warm)}
    assert len(counted(lambda: post("mfa/step-up/verify/", body, token=access), 200)) <= 30


def test_an_ordinary_request_costs_one_statement_with_and_without_factors(warm, bob, clock):
    from tests.mfa.factors import tokens

    with_factors, without = tokens_with(warm)["access_token"], tokens("bob")["access_token"]
    for access in (with_factors, without):
        call("get", "/read-only/", access)
        assert len(counted(lambda access=access: call("get", "/read-only/", access), 200)) == 1


def test_an_endpoint_that_asks_for_a_factor_costs_no_statement_more(warm, clock):
    access = tokens_with(warm)["access_token"]
    call("post", "/documents/1/publish/", access)
    assert len(counted(lambda: call("post", "/documents/1/publish/", access), 200)) == 1
