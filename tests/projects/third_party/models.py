"""A model whose permissions django-rules decides."""

import rules
from django.db import models
from rules.contrib.models import RulesModel


class Note(RulesModel):
    """Everybody who is signed in may do everything with it, as far as rules is concerned."""

    text = models.CharField(max_length=50)

    class Meta:
        rules_permissions = dict.fromkeys(("add", "view", "change", "delete"), rules.is_authenticated)

    def __str__(self) -> str:
        return self.text
