"""Beside django-axes: it sees every log-in of ours, and what it locks is a 429."""

from __future__ import annotations

import json

import pytest

from .test_variants import run


@pytest.mark.once
@pytest.mark.slow
@pytest.mark.parametrize("middleware", [False, True])
def test_axes_locks_log_in_and_basic_and_forgets_after_a_success(tmp_path, monkeypatch, middleware):
    if middleware:
        monkeypatch.setenv("AXES_MIDDLEWARE", "yes")
    done = run(tmp_path, "axes", "tests.projects.axes_log_ins")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["forgets"] == [401, 401, 200, 401, 401]
    assert found["left"] == 2
    assert found["locks"] == [429, 429, 429]
    assert found["unknown"] == [401, 401, 429, 429]
    assert found["basic"] == [200, 401, 401, 429, 429]
    assert found["reasons"] == ["too_many_failures", "wrong_secret"]
    if not middleware:  # its middleware puts its own page in place of our answer
        assert found["retry_after"] == "60"
