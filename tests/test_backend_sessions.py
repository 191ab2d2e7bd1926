"""Sessions that were opened with `AccessBackend`, as Django's test client does: it takes the first backend."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from django_apiaccess.keys import service as keys


@pytest.fixture
def staff(make_user: Any) -> Any:
    return make_user("ann", is_staff=True)


def test_the_test_client_logs_people_in_though_the_access_backend_comes_first(client: Client, staff: Any) -> None:
    client.force_login(staff)
    assert client.get("/admin/").status_code == 200


def test_a_session_of_somebody_made_inactive_ends(client: Client, staff: Any) -> None:
    client.force_login(staff)
    staff.is_active = False
    staff.save()
    assert client.get("/admin/").status_code == 302


def test_no_session_is_a_service_accounts(client: Client, staff: Any, operator: Any) -> None:
    robot = keys.create_service_account(name="robot", owner=staff, purpose="none", by=operator).user
    robot.is_staff = True
    robot.save()
    client.force_login(robot)
    assert client.get("/admin/").status_code == 302
