"""Which company of ours issues a customer's documents."""

from functools import cached_property

from django.conf import settings

from billing.domain.issuing import IssuedBy
from subscriptions.models import Customer, Issuer, Plan


def company() -> IssuedBy:
    """That of the settings."""
    return IssuedBy(**{name: str(value) for name, value in settings.COMPANY.items()})


def issued_by(issuer: Issuer) -> IssuedBy:
    """One of the others, as it is today."""
    return IssuedBy(
        name=issuer.name,
        address=issuer.address,
        country=issuer.country,
        tax_number=issuer.tax_number,
        email=issuer.email,
        bank=issuer.bank,
        logo_text=issuer.logo_text,
        colour=issuer.colour,
        footer=issuer.footer,
    )


class IssuerBook:
    """The companies of ours, which are few; loaded when one is met, for many customers."""

    def of(self, customer: Customer, plan: Plan | None = None) -> tuple[int | None, IssuedBy]:
        """The customer's own, else the plan's, else that of the settings, which has no id."""
        pk = customer.issuer_id or (plan.issuer_id if plan else None)
        return (None, company()) if pk is None else (pk, issued_by(self._all[pk]))

    @cached_property
    def _all(self) -> dict[int, Issuer]:
        return Issuer.objects.in_bulk()
