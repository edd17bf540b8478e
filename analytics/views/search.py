"""One box that finds customers, subscriptions, invoices, credit notes and payments."""

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET

from billing.models import CreditNote, Invoice, Payment
from subscriptions.models import Customer, Subscription
from tiktoktoe.accounts.roles import Permission
from tiktoktoe.web.access import requires

SHOWN = 8
DIGITS_MAX = 12


@dataclass(frozen=True, slots=True)
class Found:
    """One thing that matches: its kind, name, what helps to tell it apart, and its page."""

    kind: str
    name: str
    note: str
    href: str


@require_GET
@requires(Permission.VIEW_BILLING)
def search(request: HttpRequest) -> HttpResponse:
    """What matches a name, e-mail, reference, number, amount or last four digits."""
    text = request.GET.get("search", "").strip()[:100]
    found = [*_customers(text), *_subscriptions(text), *_documents(text), *_payments(text)]
    context = {"text": text, "found": found if text else []}
    return render(request, "analytics/search.html", context)


def _customers(text: str) -> list[Found]:
    rows = Customer.objects.matching(text)[:SHOWN]
    return [
        Found("Customer", c.name, c.email, reverse("customer_detail", args=[c.pk])) for c in rows
    ]


def _subscriptions(text: str) -> list[Found]:
    rows = Subscription.objects.filter(reference=text).select_related("customer")
    return [
        Found(
            "Subscription",
            s.reference,
            s.customer.name,
            reverse("subscription_detail", args=[s.reference]),
        )
        for s in rows
    ]


def _documents(text: str) -> list[Found]:
    invoices = (
        Invoice.objects.final()
        .filter(_amount_is(text, "total") | Q(number__iendswith=text))
        .select_related("customer")
        .order_by("-number")[:SHOWN]
    )
    notes = CreditNote.objects.filter(number__iendswith=text).select_related("customer")[:SHOWN]
    return [
        *(
            Found(
                "Invoice",
                str(i),
                f"{i.customer.name}, {i.state}",
                reverse("invoice_detail", args=[i.number]),
            )
            for i in invoices
        ),
        *(
            Found(
                "Credit note",
                str(n),
                n.customer.name,
                reverse("credit_note_detail", args=[n.number]),
            )
            for n in notes
        ),
    ]


def _payments(text: str) -> list[Found]:
    by_attempt = Q(attempts__gateway_reference=text) | Q(attempts__method__last4=text)
    rows = (
        Payment.objects.filter(by_attempt | _amount_is(text, "amount"))
        .select_related("customer", "invoice")
        .distinct()
        .order_by("-created_at")[:SHOWN]
    )
    return [
        Found(
            "Payment",
            f"of {p.invoice}",
            f"{p.customer.name}, {p.state}",
            reverse("payment_detail", args=[p.pk]),
        )
        for p in rows
    ]


def _amount_is(text: str, field: str) -> Q:
    """That an amount is what was typed, if that is a number; else nothing matches."""
    try:
        amount = Decimal(text.replace(",", ""))
    except InvalidOperation:
        return Q(pk__in=[])
    is_amount = amount.is_finite() and abs(amount.adjusted()) < DIGITS_MAX
    if not is_amount or not 0 < len(text) < 20:
        return Q(pk__in=[])
    return Q(**{field: amount})
