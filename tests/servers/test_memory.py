"""The opt-in memory of the process (CACHE_SECONDS): the lag of a revocation is the stated one, about a second, and not more."""

from __future__ import annotations

import time

LAG = 1.0
API_ACCESS = {"CACHE_SECONDS": 30, "GENERATION_SECONDS": LAG, "MAX_REVOCATION_LAG": 1}
SLACK = 0.5
"""Seconds that a request may take on a machine that does other things too."""


def warm(servers, key):
    for _request in range(4):
        assert [server.status(key) for server in servers] == [200, 200]


class Watch:
    """Asks both servers with one key after something was taken from it."""

    def __init__(self, servers, key, status):
        self.servers, self.key, self.status = servers, key, status
        self.changed = time.monotonic()
        self.refused = [0, 0]

    def look(self):
        """A server refuses within the lag, and never lets the key in again after its first refusal."""
        for number, server in enumerate(self.servers):
            began = time.monotonic()
            answer = server.status(self.key)
            assert answer in {200, self.status}
            if answer == 200:
                assert began <= self.changed + LAG, f"let in {began - self.changed:.2f} s after the change"
                assert not self.refused[number], "let in again after a refusal"
            else:
                self.refused[number] += 1


def test_what_is_taken_is_gone_within_the_stated_lag_and_stays_gone(pair, issue, shell):
    takings = [
        (401, lambda key: shell.revoke(key=key["id"])),
        (403, lambda key: shell.ungrant(user=key["user"])),
        (401, lambda key: shell.set_active(user=key["user"], active=False)),
        (401, lambda key: shell.rotate(key=key["id"], grace=0)),
    ]
    keys = [issue() for _taking in takings]
    for key in keys:
        warm(pair, key["text"])
    watches = []
    for key, (status, take) in zip(keys, takings, strict=True):
        take(key)
        watches.append(Watch(pair, key["text"], status))
    while time.monotonic() < watches[-1].changed + LAG + SLACK:
        for watch in watches:
            watch.look()
    assert all(min(watch.refused) > 0 for watch in watches)


def test_what_is_remembered_still_ends_in_time_and_obeys_its_rate(pair, issue, shell):
    key = issue(rate="6/h")
    answers = [server.status(key["text"]) for server in pair * 5]
    assert answers == [200] * 6 + [429] * 4

    key = issue()
    shell.rotate(key=key["id"], grace=1)
    ends = time.monotonic() + 1
    warm(pair, key["text"])
    time.sleep(max(0.0, ends - time.monotonic()))
    assert [server.status(key["text"]) for server in pair] == [401, 401]


def test_a_wrong_secret_with_the_id_of_a_remembered_key_is_refused(pair, issue):
    from django_apiaccess.core.secrets import checksum

    key = issue()
    warm(pair, key["text"])
    prefix, identifier, _secret = key["text"].split("_")
    body = f"{prefix}_{identifier}_{'A' * 43}"
    forged = body + checksum(body)
    assert [server.status(forged) for server in pair] == [401, 401]
    assert [server.status(key["text"]) for server in pair] == [200, 200]
