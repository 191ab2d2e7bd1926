"""One view a contender; all give the same answer, and the way to each is equally long."""

from __future__ import annotations

from typing import Any

from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from .contenders import contenders

VIEWS = {contender.name: contender.view() for contender in contenders()}


@csrf_exempt
def contender(request: Any, name: str) -> Any:
    """The view of the contender."""
    return VIEWS[name](request)


urlpatterns = [path("<str:name>/", contender)]
