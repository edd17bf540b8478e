"""Giving and withdrawing mandates."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime

from django.db import IntegrityError, transaction
from django.db.models.functions import Coalesce
from stdnum import bic, iban
from stdnum.exceptions import ValidationError
from stdnum.us import rtn

from billing.domain.mandate_words import consent_language, consent_text
from billing.domain.mandates import UNUSED_MONTHS, MandateState, SequenceType, expires_on
from billing.domain.sepa_countries import SEPA_COUNTRIES
from billing.errors import MandateInvalid
from billing.gateways.base import MethodDetails
from billing.models import Mandate, PaymentMethod
from billing.services.bank.banks import BANK, bank_named
from billing.services.bank.mandate_states import end_if_active, end_mandate, note_mandate
from billing.services.bank.sealing import mark_of, seal
from billing.services.payments.payment_methods import make_known
from billing.services.payments.stored_methods import keep_method
from subscriptions.models import Customer
from subscriptions.services.transitions import Actor
from tiktoktoe.kernel.ids import short_id, uuid7
from tiktoktoe.kernel.periods import add_months, local_date

NAME_LENGTH = 70
ACH_ACCOUNT_LENGTH = 17


def give_mandate(
    *,
    customer: Customer,
    gateway: str,
    account_number: str,
    debtor_name: str,
    signed_by: str,
    actor: Actor,
    at: datetime,
    bank_code: str = "",
    signed_on: date | None = None,
    sequence_type: SequenceType = SequenceType.RECURRENT,
) -> Mandate:
    """Record that a customer lets us collect from an account, with the words they agreed to.

    Args:
        account_number: The IBAN, as people write it.
        bank_code: The BIC; not needed inside SEPA.
        signed_on: The day of the signature; today by default.

    Raises:
        MandateInvalid: If the number, the name or the day cannot be, or the account has one.
    """
    number = _account(account_number)
    return _record(
        customer=customer,
        gateway=gateway,
        number=number,
        country=number[:2],
        brand="sepa_debit",
        bank_code=_bank_code(bank_code),
        debtor_name=debtor_name,
        signed_by=signed_by,
        signed_on=signed_on,
        sequence_type=sequence_type,
        actor=actor,
        at=at,
    )


def give_ach_authorization(
    *,
    customer: Customer,
    gateway: str,
    routing_number: str,
    account_number: str,
    debtor_name: str,
    signed_by: str,
    actor: Actor,
    at: datetime,
    signed_on: date | None = None,
) -> Mandate:
    """Record that a customer lets us debit an account in the United States.

    Raises:
        MandateInvalid: If a number, the name or the day cannot be, or the account has one.
    """
    account = account_number.strip()
    if not account.isalnum() or len(account) > ACH_ACCOUNT_LENGTH:
        raise MandateInvalid("this is no account number", field="account_number")
    try:
        routing = str(rtn.validate(routing_number))
    except ValidationError as error:
        raise MandateInvalid("this is no routing number", field="routing_number") from error
    return _record(
        customer=customer,
        gateway=gateway,
        number=f"{routing}/{account}",
        country="US",
        brand="ach_debit",
        bank_code="",
        debtor_name=debtor_name,
        signed_by=signed_by,
        signed_on=signed_on,
        sequence_type=SequenceType.RECURRENT,
        actor=actor,
        at=at,
    )


def _record(
    *,
    customer: Customer,
    gateway: str,
    number: str,
    country: str,
    brand: str,
    bank_code: str,
    debtor_name: str,
    signed_by: str,
    signed_on: date | None,
    sequence_type: SequenceType,
    actor: Actor,
    at: datetime,
) -> Mandate:
    name = " ".join(debtor_name.split())
    if not name:
        raise MandateInvalid("whose account is it?", field="debtor_name", remedy="enter the name")
    day = _day_of_signature(signed_on, local_date(at, customer.time_zone))
    terms = bank_named(gateway).terms
    language = consent_language(customer.locale) if country != "US" else "us"
    known = make_known(customer=customer, at=at, gateway=gateway)
    reference = short_id("MND").replace("_", "-").upper()
    details = MethodDetails(
        reference=reference,
        customer_reference=known.gateway_reference,
        kind="bank_debit",
        brand=brand,
        last4=number[-4:],
        country=country,
    )
    with _one_per_account():
        method = keep_method(customer_id=customer.pk, details=details, at=at, gateway=gateway)
        assert method is not None
        mandate = Mandate.objects.create(
            id=uuid7(),
            customer=customer,
            method=method,
            gateway=gateway,
            reference=reference,
            sequence_type=sequence_type,
            debtor_name=name[:NAME_LENGTH],
            account_sealed=seal(number),
            account_mark=mark_of(number),
            last4=number[-4:],
            bic=bank_code,
            signed_on=day,
            signed_by=signed_by[:254],
            consent=consent_text(
                language=language, creditor=terms.account.name, days=terms.notice_days
            ),
            language="en" if language == "us" else language,
            notice_days=terms.notice_days,
            creditor_id=terms.creditor_id,
            created_at=at,
        )
        note_mandate(mandate, event="given", actor=actor, at=at)
    return mandate


@contextmanager
def _one_per_account() -> Iterator[None]:
    """A transaction in which PostgreSQL has the last word on mandates for the same account."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        if "mandate_one_active_per_account" not in str(error):
            raise
        raise MandateInvalid(
            "there is a mandate for this account already", field="account_number"
        ) from error


def _day_of_signature(day: date | None, today: date) -> date:
    if day is None:
        return today
    if day > today:
        raise MandateInvalid("it cannot be signed in the future", field="signed_on")
    if today >= expires_on(signed_on=day, last_used_on=None):
        raise MandateInvalid("a mandate this old has expired", field="signed_on")
    return day


def revoke_mandate(*, mandate: Mandate, reason: str, actor: Actor, at: datetime) -> Mandate:
    """Withdraw a mandate; what is with the bank already cannot be stopped any more.

    Raises:
        StateMoveNotAllowed: If it has ended already.
    """
    return end_mandate(
        mandate=mandate, to_state=MandateState.REVOKED, reason=reason, actor=actor, at=at
    )


def withdraw_with_method(*, method: PaymentMethod, actor: Actor, at: datetime) -> None:
    """Whoever removes a method withdraws its mandate, if it has one."""
    mandate = Mandate.objects.filter(method=method).first()
    if mandate is not None:
        reason = "the customer removed the method"
        end_if_active(mandate=mandate, reason=reason, actor=actor, at=at)


def expire_mandates(*, at: datetime) -> int:
    """Write down which mandates have not been used for too long; gives how many."""
    today = at.date()
    last = Coalesce("last_used_on", "signed_on")
    unused = Mandate.objects.alias(last=last).filter(last__lte=add_months(today, -UNUSED_MONTHS))
    expired = 0
    for mandate in unused.filter(state=Mandate.State.ACTIVE):
        if today >= expires_on(signed_on=mandate.signed_on, last_used_on=mandate.last_used_on):
            end_mandate(
                mandate=mandate,
                to_state=MandateState.EXPIRED,
                reason="not used for 36 months",
                actor=BANK,
                at=at,
            )
            expired += 1
    return expired


def _account(text: str) -> str:
    try:
        number = str(iban.validate(text))
    except ValidationError as error:
        raise MandateInvalid(
            "this is no account number (IBAN)",
            field="account_number",
            remedy="copy it from a bank statement",
        ) from error
    if number[:2] not in SEPA_COUNTRIES:
        raise MandateInvalid(
            f"banks of {number[:2]} take no SEPA direct debits", field="account_number"
        )
    return number


def _bank_code(text: str) -> str:
    if not text.strip():
        return ""
    try:
        return str(bic.validate(text))
    except ValidationError as error:
        raise MandateInvalid(
            "this is no bank code (BIC)", field="bank_code", remedy="leave it empty"
        ) from error
