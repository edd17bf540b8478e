"""What dj-stripe would keep in the clear: the API key, and the signing secret of its endpoint.

Both are columns of its tables, which it reads and writes by itself; so the columns are taught.
Of a key only a mark is kept, by which the one in the settings is found again; a secret is sealed.
"""

from typing import Any

from django.conf import settings
from django.db import models
from djstripe.models import APIKey, WebhookEndpoint

from billing.gateways.sealing import mark_of, seal, unseal

MARKED, SEALED = "mark:", "sealed:"


class _Taught(models.CharField[str, str]):
    """A column of dj-stripe's; to migrations it is the one that it was."""

    def deconstruct(self) -> Any:
        """As Django's own field."""
        name, _, args, terms = super().deconstruct()
        return name, "django.db.models.CharField", args, terms


class KeyMark(_Taught):
    """An API key, of which the mark is kept."""

    def get_prep_value(self, value: Any) -> Any:
        """The mark of a key."""
        text = super().get_prep_value(value)
        return f"{MARKED}{mark_of(text)}" if text and not text.startswith(MARKED) else text

    def from_db_value(self, value: str, *_: object) -> str:
        """The key of the settings that the mark is of; nothing if it is not there any more."""
        if not value.startswith(MARKED):
            return value
        keys = (settings.STRIPE_TEST_SECRET_KEY, settings.STRIPE_LIVE_SECRET_KEY)
        return next((key for key in keys if key and self.get_prep_value(key) == value), "")


class SealedText(_Taught):
    """A secret that has to be read again."""

    def get_prep_value(self, value: Any) -> Any:
        """The sealed secret."""
        text = super().get_prep_value(value)
        return f"{SEALED}{seal(text)}" if text and not text.startswith(SEALED) else text

    def from_db_value(self, value: str | None, *_: object) -> str | None:
        """The secret."""
        is_sealed = value is not None and value.startswith(SEALED)
        return unseal(value.removeprefix(SEALED)) if value and is_sealed else value


def teach_columns() -> None:
    """Let the two columns keep no secret from now on."""
    APIKey._meta.get_field("secret").__class__ = KeyMark
    WebhookEndpoint._meta.get_field("secret").__class__ = SealedText


def cover_old_rows() -> None:
    """Write anew what was written before the columns knew."""
    for key in APIKey.objects.exclude(secret__startswith=MARKED):
        key.save(update_fields=["secret"])
    for endpoint in WebhookEndpoint.objects.exclude(secret="").exclude(secret__startswith=SEALED):
        endpoint.save(update_fields=["secret"])
