"""How tests go through the pages."""

from urllib.parse import parse_qs, urlsplit

SECURITY = "/access/security/"
LOGIN = f"{SECURITY}login/"
VERIFY = f"{SECURITY}verify/"
ADD = f"{SECURITY}add/"
TOTP = f"{SECURITY}totp/"
RECOVERY = f"{SECURITY}recovery-codes/"


def log_in(tab, name="ann", password="secret", **query):
    """The answer to the first step on our page."""
    return tab.post(LOGIN, {"username": name, "password": password}, query_params=query)


def led_to(answer):
    """Where a redirect leads, and where it goes on from there."""
    assert answer.status_code == 302, (answer.status_code, answer.content[:2000])
    parts = urlsplit(answer["Location"])
    assert not parts.netloc, answer["Location"]
    return parts.path, parse_qs(parts.query).get("next", [""])[0]


def is_whole(tab):
    """Whether the browser's log-in is complete."""
    return tab.get(SECURITY).status_code == 200
