"""Customers: made, and corrected."""

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from zoneinfo import available_timezones

from django.db import transaction

from subscriptions.errors import CustomerInvalid
from subscriptions.models import Customer, CustomerClock, CustomerMember
from subscriptions.services.customer_clocks import ensure_no_real_money
from tiktoktoe.accounts.models import User
from tiktoktoe.kernel.ids import short_id
from tiktoktoe.kernel.money import currency_of

FIXED_FIELDS = frozenset({"external_id", "currency", "time_zone"})


@dataclass(frozen=True, kw_only=True)
class CustomerDetails:
    """What is known of a customer; `external_id` is made up when it is empty."""

    name: str
    email: str
    country: str
    currency: str
    external_id: str = ""
    time_zone: str = "UTC"
    locale: str = "en"
    address_line1: str = ""
    address_line2: str = ""
    city: str = ""
    region: str = ""
    postal_code: str = ""
    tax_number: str = ""
    is_tax_exempt: bool = False


@cache
def known_time_zones() -> frozenset[str]:
    """Every IANA time zone's name; reading them takes a walk over the whole database of zones."""
    return frozenset(available_timezones())


@transaction.atomic
def create_customer(
    *, details: CustomerDetails, at: datetime, clock: CustomerClock | None = None
) -> Customer:
    """Take a customer in; with a test clock, it lives by that one for good.

    Raises:
        ClockNotAllowed: If it is to have a test clock, and live payment keys are set.
        CustomerInvalid: If the time zone is unknown or the external id is taken.
        InvalidInput: If there is no such currency.
    """
    if clock is not None:
        ensure_no_real_money()
    if details.time_zone not in known_time_zones():
        raise CustomerInvalid(
            f"{details.time_zone!r} is no time zone",
            field="time_zone",
            remedy="write Europe/Berlin",
        )
    currency_of(details.currency)
    external_id = details.external_id or short_id("cus")
    if Customer.objects.filter(external_id=external_id).exists():
        raise CustomerInvalid(
            f"{external_id!r} is another customer's", field="external_id", remedy="choose another"
        )
    fields = {**details.__dict__, "external_id": external_id}
    return Customer.objects.create(**fields, clock=clock, created_at=at)


@transaction.atomic
def correct_customer(*, customer: Customer, details: CustomerDetails) -> Customer:
    """Correct a customer's details; its external id, currency and time zone stay.

    Issued invoices keep the details that they were issued with.
    """
    locked = Customer.objects.select_for_update(of=("self",)).get(pk=customer.pk)
    fields = [name for name in details.__dict__ if name not in FIXED_FIELDS]
    for name in fields:
        setattr(locked, name, getattr(details, name))
    locked.save(update_fields=fields)
    return locked


@transaction.atomic
def add_member(*, customer: Customer, user: User, at: datetime) -> CustomerMember:
    """Let a person act for a customer in the portal; doing it again changes nothing."""
    member, _ = CustomerMember.objects.get_or_create(
        customer=customer, user=user, defaults={"created_at": at}
    )
    return member
