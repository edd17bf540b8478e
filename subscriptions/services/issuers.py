"""Companies of ours: made, corrected, and given their customers and plans."""

import logging
from dataclasses import asdict, dataclass
from datetime import datetime

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Q

from subscriptions.errors import IssuerInvalid
from subscriptions.models import Customer, Issuer, Plan

logger = logging.getLogger(__name__)
FIXED = frozenset({"code", "invoice_prefix", "credit_note_prefix"})


@dataclass(frozen=True, kw_only=True)
class IssuerDetails:
    """What is known of a company of ours; see `Issuer` for the words."""

    code: str
    name: str
    address: str
    country: str
    email: str
    invoice_prefix: str
    credit_note_prefix: str
    tax_number: str = ""
    bank: str = ""
    logo_text: str = ""
    colour: str = "#4a3fb5"
    footer: str = ""


@transaction.atomic
def create_issuer(*, details: IssuerDetails, at: datetime) -> Issuer:
    """Take a company of ours in, with series of numbers of its own.

    Raises:
        IssuerInvalid: If its code or a prefix is taken, or makes no sense; names the field.
    """
    given = [details.invoice_prefix, details.credit_note_prefix]
    taken = {settings.INVOICE_PREFIX, settings.CREDIT_NOTE_PREFIX}
    for name, prefix in zip(("invoice_prefix", "credit_note_prefix"), given, strict=True):
        others = Issuer.objects.filter(Q(invoice_prefix=prefix) | Q(credit_note_prefix=prefix))
        if prefix in taken or others.exists():
            raise IssuerInvalid(f"{prefix} is the prefix of other numbers", field=name)
        taken.add(prefix)
    issuer = Issuer(**asdict(details), created_at=at)
    _check(issuer)
    try:
        with transaction.atomic():
            issuer.save(force_insert=True)
    except IntegrityError as clash:
        raise IssuerInvalid(_words(clash), field=_field(clash)) from None
    logger.info("issuer created", extra={"issuer": issuer.code})
    return issuer


@transaction.atomic
def correct_issuer(*, issuer: Issuer, details: IssuerDetails) -> Issuer:
    """Correct its details; its code and prefixes stay, and so does every document.

    Raises:
        IssuerInvalid: If its country or colour makes no sense.
    """
    locked = Issuer.objects.select_for_update().get(pk=issuer.pk)
    changed = {name: value for name, value in asdict(details).items() if name not in FIXED}
    for name, value in changed.items():
        setattr(locked, name, value)
    _check(locked)
    try:
        with transaction.atomic():
            locked.save(update_fields=list(changed))
    except IntegrityError as clash:
        raise IssuerInvalid(_words(clash), field=_field(clash)) from None
    return locked


@transaction.atomic
def assign_customer(*, customer: Customer, issuer: Issuer | None) -> None:
    """Let a customer's documents be issued by a company of ours from now on."""
    Customer.objects.filter(pk=customer.pk).update(issuer=issuer)


@transaction.atomic
def assign_plan(*, plan: Plan, issuer: Issuer | None) -> None:
    """Let a plan be sold by a company of ours, to customers that belong to no other."""
    Plan.objects.filter(pk=plan.pk).update(issuer=issuer)


def _check(issuer: Issuer) -> None:
    try:
        issuer.clean_fields()
    except ValidationError as problem:
        field, words = next(iter(problem.message_dict.items()))
        raise IssuerInvalid(words[0], field=field) from None


def _field(clash: IntegrityError) -> str:
    text = str(clash)
    for part, field in (("country", "country"), ("colour", "colour"), ("prefix", "invoice_prefix")):
        if part in text:
            return field
    return "code"


def _words(clash: IntegrityError) -> str:
    return {
        "country": "write two letters, like DE",
        "colour": "write #4a3fb5",
        "invoice_prefix": "capitals, digits and -, a - at the end; two that differ",
        "code": "is taken",
    }[_field(clash)]
