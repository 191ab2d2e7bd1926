"""What is wrong with the audit itself."""

from __future__ import annotations

from typing import Any

from . import plant


@plant("audit.ignore-over", finds="until 2020-01-31")
def accepted_until_a_day_that_is_over(project: Any) -> None:
    project.access(AUDIT={"IGNORE": [{"rule": "settings.debug", "reason": "for the demo", "until": "2020-01-31"}]})


@plant("audit.ignore-unknown", finds="Did you mean 'settings.debug'?")
def an_entry_with_a_typing_error(project: Any) -> None:
    project.access(AUDIT={"IGNORE": [{"rule": "setting.debug", "reason": "for the demo"}]})
