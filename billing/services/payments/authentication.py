"""The facts of strong customer authentication, gathered for one payment."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime

from django.conf import settings
from django.db.models import Count, Max, Q, Sum

from billing.domain.authentication import (
    Authentication,
    AuthenticationFacts,
    Exemption,
    ExemptionTerms,
    decide_authentication,
)
from billing.domain.challenges import PREFIX
from billing.domain.declines import DeclineClass
from billing.gateways.authentication_fields import TellsBanks, in_names
from billing.gateways.registry import gateway_named
from billing.models import ExemptionRule, Invoice, Payment, PaymentAttempt, PaymentMethod
from tiktoktoe.kernel.money import Money


def authentication_of_charge(
    *, invoice: Invoice, method: PaymentMethod, gateway: str, amount: Money, at: datetime
) -> Authentication:
    """What is asked for when a stored method is charged; costs no query."""
    facts = AuthenticationFacts(
        gateway=gateway,
        kind=method.kind,
        brand=method.brand,
        amount=amount,
        issuer_country=method.country,
        acquirer_country=_our_country(),
        is_customer_there=False,
        is_subscription=invoice.subscription_id is not None,
    )
    return decide_authentication(facts, (), on=at.astimezone(UTC).date())


def as_kept(found: Authentication, *, gateway: str, is_there: bool) -> dict[str, object]:
    """What was decided, with the fields that the gateway is sent for it.

    `is_there` says whether the customer is: on its page, or while a stored card is charged.
    """
    source = gateway_named(gateway)
    fields = (
        source.authentication_fields(found.wish, is_there=is_there)
        if isinstance(source, TellsBanks)
        else {}
    )
    return found.as_kept(sent=in_names(fields))


def authentications_of_page(
    *,
    invoice: Invoice,
    gateways: Iterable[str],
    stores_method: bool,
    at: datetime,
    amount: Money | None = None,
    is_risky: bool = False,
) -> dict[str, Authentication]:
    """What each gateway's payment page asks for: the customer is there, no card is known yet.

    Args:
        is_risky: Whether risk rules want the customer to confirm.
    """
    facts = replace(
        _facts_of_present(invoice, amount or invoice.amount_due, is_risky=is_risky),
        stores_method=stores_method,
    )
    terms, on = _terms(invoice.currency), at.astimezone(UTC).date()
    return {
        name: decide_authentication(replace(facts, gateway=name), terms, on=on) for name in gateways
    }


def authentications_of_present(
    *,
    invoice: Invoice,
    methods: Iterable[PaymentMethod],
    gateways: Iterable[str],
    amount: Money,
    is_risky: bool,
    at: datetime,
) -> dict[tuple[str, str], Authentication]:
    """What is asked for when a stored method is charged while the customer is there.

    By gateway and method, in a fixed number of queries.
    """
    facts = _facts_of_present(invoice, amount, is_risky=is_risky)
    terms, on, names = _terms(invoice.currency), at.astimezone(UTC).date(), list(gateways)
    return {
        (name, str(method.pk)): decide_authentication(
            replace(
                facts,
                gateway=name,
                kind=method.kind,
                brand=method.brand,
                issuer_country=method.country,
            ),
            terms,
            on=on,
        )
        for method in methods
        for name in names
    }


def _facts_of_present(invoice: Invoice, amount: Money, *, is_risky: bool) -> AuthenticationFacts:
    """What is known of a customer who is there; of no card yet."""
    count, total = _exempted(invoice)
    return AuthenticationFacts(
        gateway="",
        kind="",
        amount=amount,
        issuer_country=invoice.customer.country,
        acquirer_country=_our_country(),
        is_customer_there=True,
        bank_asked=_was_asked_for(invoice),
        is_risky=is_risky,
        exempted_count=count,
        exempted_total=total,
    )


def _terms(currency: str) -> list[ExemptionTerms]:
    return [
        ExemptionTerms(
            exemption=Exemption(row.exemption),
            gateway=row.gateway,
            maximum=Money(row.maximum, row.currency),
            total_maximum=(
                None if row.total_maximum is None else Money(row.total_maximum, row.currency)
            ),
            count_maximum=row.count_maximum,
            valid_from=row.valid_from,
            source=row.source,
        )
        for row in ExemptionRule.objects.filter(currency=currency)
    ]


def _was_asked_for(invoice: Invoice) -> bool:
    """Whether a bank declined for want of it, or a risk rule wants it: then it is stepped up."""
    declined = PaymentAttempt.objects.filter(
        payment__invoice=invoice, decline_class=DeclineClass.AUTH_REQUIRED
    )
    waits = Payment.objects.filter(invoice=invoice, state=Payment.State.REQUIRES_ACTION)
    return declined.exists() or waits.exists()


def _exempted(invoice: Invoice) -> tuple[int, Money]:
    """The low payments of a customer in a currency since it last confirmed one."""
    paid = PaymentAttempt.objects.filter(
        payment__customer=invoice.customer_id,
        payment__currency=invoice.currency,
        state=PaymentAttempt.State.SUCCEEDED,
    ).filter(Q(channel="hosted_page") | Q(is_on_session=True))
    # Of a stored card it is told that the bank has asked; of a page only that we wanted it to.
    was_asked = Q(is_on_session=True, segment__startswith=PREFIX)
    confirmed = paid.filter(Q(authentication__ask="challenge") | was_asked)
    last = confirmed.aggregate(at=Max("resolved_at"))["at"]
    exempted = paid.filter(authentication__exemption=Exemption.LOW_VALUE)
    if last is not None:
        exempted = exempted.filter(resolved_at__gt=last)
    sums = exempted.aggregate(count=Count("pk"), total=Sum("payment__amount"))
    return sums["count"], Money(sums["total"] or 0, invoice.currency)


def _our_country() -> str:
    return str(settings.COMPANY["country"])
