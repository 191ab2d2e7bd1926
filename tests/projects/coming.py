"""A project that moves from another package to this one, one stage a process: `python -m tests.projects.coming`.

STAGE: `before` (the other package alone), `beside` (both are installed, the other one still answers), `after` (ours answers, and takes
what the other one made), `over` (ours alone). STATE: a JSON file in which the clients keep their tokens from stage to stage: they are the
same code in each, and do not know which stage it is. Prints what they met.
"""

from __future__ import annotations

import io
import json
import os
import sys
from base64 import b64encode
from pathlib import Path
from typing import Any

STAGE = os.environ["STAGE"]
STAGES = ("before", "beside", "after", "over")
ON_OURS = STAGE in {"after", "over"}


class JWTClient:
    """Sends its access token; with a 401 it refreshes, keeps what it gets, and tries again. Counts how often it had to log in."""

    def __init__(self, state: dict[str, Any], name: str) -> None:
        from rest_framework.test import APIClient

        self.kept: dict[str, Any] = state.setdefault(name, {"logins": 0})
        self.name, self.http = name, APIClient()

    def log_in(self) -> None:
        answer = self.http.post("/api/token/", {"username": self.name, "password": "secret"})
        assert answer.status_code == 200, answer.content
        self.kept.update(answer.json(), logins=self.kept["logins"] + 1)

    def refresh(self) -> int:
        answer = self.http.post("/api/token/refresh/", {"refresh": self.kept["refresh"]})
        if answer.status_code == 200:
            self.kept.update(answer.json())
        return int(answer.status_code)

    def read(self) -> int:
        status = self._get()
        if status == 401 and self.refresh() == 200:
            status = self._get()
        return status

    def _get(self) -> int:
        return int(self.http.get("/orders/", HTTP_AUTHORIZATION=f"Bearer {self.kept['access']}").status_code)

    def post(self, path: str, **data: str) -> int:
        return int(self.http.post(f"/api/token/{path}/", data).status_code)


def simplejwt(state: dict[str, Any]) -> dict[str, Any]:
    ann, ben, cleo = (JWTClient(state, name) for name in ("ann", "ben", "cleo"))
    if STAGE == "before":
        people("ann", "ben", "cleo")
        for client in (ann, ben, cleo):
            client.log_in()
        assert ben.post("blacklist", refresh=ben.kept["refresh"]) == 200
    if STAGE == "beside":
        grant("ann", "ben", "cleo")
        run("import_simplejwt")
    found: dict[str, Any] = {"read": ann.read()}
    if STAGE == "after":
        state["old"] = {**ann.kept}
        run("import_simplejwt")  # once more: somebody may have logged out between the import and the switch
        found["me"] = ann.http.get("/access/me/", HTTP_AUTHORIZATION=f"Bearer {ann.kept['access']}").json()["scopes"]
    found["verify"] = [ann.post("verify", token=ann.kept[name]) for name in ("access", "refresh")]
    found["refresh"] = [ann.refresh(), ann.read(), ann.refresh(), ann.read()]
    found["logged out"] = ben.refresh()
    if STAGE == "after":
        found["slept"] = [cleo.refresh(), cleo.read()]
        found["log in anew"] = (ben.log_in(), ben.read())[1]
        found["log out"] = [cleo.post("blacklist", refresh=cleo.kept["refresh"]), cleo.read()]
    if STAGE == "over":
        ann.kept.update(state["old"])
        found["old tokens"] = ann.read()
    return {**found, "logins": ann.kept["logins"]}


class KnoxClient:
    """Sends its token, and knows nothing of refreshing."""

    def __init__(self, state: dict[str, Any], name: str) -> None:
        from rest_framework.test import APIClient

        self.kept: dict[str, Any] = state.setdefault(name, {"logins": 0})
        self.name, self.http = name, APIClient()

    def log_in(self) -> None:
        basic = b64encode(f"{self.name}:secret".encode()).decode()
        answer = self.http.post("/api/auth/login/", HTTP_AUTHORIZATION=f"Basic {basic}", secure=True)
        assert answer.status_code == 200, answer.content
        self.kept.update(answer.json(), logins=self.kept["logins"] + 1)

    def read(self) -> int:
        return int(self.http.get("/orders/", HTTP_AUTHORIZATION=f"Token {self.kept['token']}").status_code)

    def log_out(self, path: str = "logout") -> int:
        return int(self.http.post(f"/api/auth/{path}/", HTTP_AUTHORIZATION=f"Token {self.kept['token']}").status_code)


def knox(state: dict[str, Any]) -> dict[str, Any]:
    ann, ben = KnoxClient(state, "ann"), KnoxClient(state, "ben")
    if STAGE == "before":
        people("ann", "ben")
        ann.log_in()
        ben.log_in()
    if STAGE == "beside":
        grant("ann", "ben")
        run("import_api_keys", "--from", "knox", "--scopes-from-principal")
    found: dict[str, Any] = {"read": [ann.read(), ann.read()]}
    if STAGE == "after":
        run("import_api_keys", "--from", "knox", "--scopes-from-principal")
        found["log out"] = [ben.log_out(), ben.read()]
        ben.log_in()
        found["log in anew"] = [sorted(ben.kept), ben.read()]
        old = dict(ben.kept)
        ben.log_in()
        found["everywhere"] = [ben.log_out("logoutall"), ben.read()]
        ben.kept.update(old)
        found["everywhere"].append(ben.read())
    return {**found, "logins": ann.kept["logins"]}


def people(*names: str) -> None:
    from django.contrib.auth import get_user_model

    for name in names:
        get_user_model().objects.create_user(username=name, password="secret")


def grant(*names: str) -> None:
    for name in names:
        run("grant", "--user", name, "--scope", "docs:read")


def run(*arguments: str) -> None:
    from django.core.management import call_command

    call_command(*arguments, stdout=io.StringIO(), stderr=io.StringIO())


def main() -> None:
    import django
    from django.conf import settings

    django.setup()
    run("migrate")
    path = Path(os.environ["STATE"])
    state = json.loads(path.read_text()) if path.exists() else {}
    found = {"simplejwt": simplejwt, "knox": knox}[settings.COMING_FROM](state)
    path.write_text(json.dumps(state))
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main()
