"""The customer's own pages. Whatever is not the customer's own is not there: 404."""

from uuid import UUID

from django.contrib import messages
from django.db.models import Prefetch
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from billing.domain.part_amounts import Part, as_typed, part_of
from billing.domain.presence import Presence, presence_of
from billing.errors import PartInvalid, PaymentHeld
from billing.models import Invoice, Payment, PaymentMethod, UsageBudget
from billing.queries.credit_balance import credit_balances, credit_history
from billing.queries.dunning import portal_banners
from billing.queries.portal import (
    alerts_of_period,
    ended_for_good,
    held_in_words,
    uncollected_invoices,
    why_declined,
)
from billing.queries.ways_to_pay import Way, ways_to_pay
from billing.services.bank.coming_debits import coming_debit
from billing.services.changes.planned_previews import coming_starts
from billing.services.invoices.open_usage import open_usage
from billing.services.payments.checkout import (
    charge_present_customer,
    confirm_payment,
    open_payment_page,
)
from billing.views.portal_access import (
    acting_customer,
    acting_customers,
    estimated_invoices,
    issued_invoices,
    portal_actor,
    see_other,
)
from subscriptions.models import Subscription
from subscriptions.queries.entitlements import entitlements
from tiktoktoe.accounts.roles import Permission
from tiktoktoe.kernel.clock import now
from tiktoktoe.kernel.errors import Conflict, GatewayError
from tiktoktoe.web.access import requires
from tiktoktoe.web.limits import client_address
from tiktoktoe.web.pagination import paginate

UNREACHABLE = "The payment service cannot be reached right now. Please try again in a minute."


@require_GET
@requires(Permission.USE_PORTAL)
def portal_home(request: HttpRequest) -> HttpResponse:
    """Plan, usage so far, the next invoice, and what needs attention."""
    customer = acting_customer(request)
    subscriptions = list(
        Subscription.objects.live()
        .filter(customer=customer)
        .select_related("customer", "plan_version__plan")
    )
    said = {banner.invoice for banner in portal_banners(int(request.user.pk or 0))}
    context = {
        "customer": customer,
        "customers": acting_customers(request),
        "troubles": [t for t in uncollected_invoices(customer) if str(t.invoice) not in said],
        "overviews": [
            {
                "subscription": subscription,
                "plan": subscription.plan_version.plan,
                "meters": open_usage([subscription]),
                "alerts": alerts_of_period(subscription),
                "budget": UsageBudget.objects.filter(subscription=subscription).first(),
                "next_invoice": estimate,
            }
            for subscription, estimate in zip(
                subscriptions, estimated_invoices(subscriptions), strict=True
            )
        ],
        "starts": coming_starts(customer),
        "ended": ended_for_good(customer),
        "entitlements": [e for e in entitlements(customer.pk, at=now()) if e.terms.is_granted],
        "credits": credit_balances(customer),
        "credit_rows": list(credit_history([customer], limit=10)),
        "invoices": issued_invoices(request).filter(customer=customer)[:5],
        "method": PaymentMethod.objects.usable().filter(customer=customer, is_default=True).first(),
    }
    return render(request, "portal/home.html", context)


@require_GET
@requires(Permission.USE_PORTAL)
def portal_invoices(request: HttpRequest) -> HttpResponse:
    """Every invoice that was issued to the customer."""
    customer = acting_customer(request)
    invoices = issued_invoices(request).filter(customer=customer)
    context = {"customer": customer, "page": paginate(request, invoices)}
    return render(request, "portal/invoice_list.html", context)


@require_GET
@requires(Permission.USE_PORTAL)
def portal_invoice(request: HttpRequest, number: str) -> HttpResponse:
    """One invoice with its lines and payments, and the way to pay it."""
    invoice = get_object_or_404(issued_invoices(request), number=number)
    payments = Payment.objects.filter(invoice=invoice).prefetch_related(
        Prefetch("attempts", to_attr="tries")
    )
    is_payable = invoice.state in {"open", "uncollectible"} and invoice.amount_due.amount > 0
    context = {
        "invoice": invoice,
        "customer": invoice.customer,
        "lines": invoice.lines.select_related("subscription"),
        "payments": payments,
        "is_payable": is_payable,
        "held": held_in_words(invoice) if is_payable else "",
        "debit": coming_debit(invoice),
        "ways": ways_to_pay(invoice, at=now()) if is_payable else [],
        "in_all": as_typed(invoice.amount_due),
    }
    return render(request, "portal/invoice_detail.html", context)


@require_POST
@requires(Permission.USE_PORTAL)
def portal_pay(request: HttpRequest, number: str) -> HttpResponse:
    """Pay an invoice, or a part, the way that was chosen: a stored method, or a gateway's page.

    A second click goes to the same page. Without a choice it is the first page there is.
    """
    invoice = get_object_or_404(issued_invoices(request), number=number)
    way = _chosen_way(request, invoice)
    if way is None:
        messages.error(request, "Please choose one of the ways to pay.")
        return redirect("portal_invoice", number)
    try:
        part = chosen_part(request, invoice)
        if way.method is not None:
            return _charge(request, invoice, way.method, part)
        address = open_payment_page(
            invoice=invoice,
            saves_method=request.POST.get("save") == "yes",
            gateway=way.gateway,
            customer_address=client_address(request),
            part=part,
            actor=portal_actor(request),
            at=now(),
        )
    except PartInvalid as refusal:
        messages.error(request, f"{str(refusal)[:1].upper()}{str(refusal)[1:]}.")
    except PaymentHeld:
        pass  # the invoice's page says what happens
    except Conflict as refusal:
        messages.info(request, f"{str(refusal)[:1].upper()}{str(refusal)[1:]}.")
    except GatewayError:
        messages.error(request, UNREACHABLE)
    else:
        return see_other(address)
    return redirect("portal_invoice", number)


def chosen_part(request: HttpRequest, invoice: Invoice) -> Part | None:
    """How much of an invoice is to be paid, if not all.

    Raises:
        PartInvalid: If that cannot be.
    """
    typed, shown = request.POST.get("amount", ""), request.POST.get("due", "")
    return part_of(invoice.amount_due, typed, shown=shown)


def _chosen_way(request: HttpRequest, invoice: Invoice) -> Way | None:
    ways = ways_to_pay(invoice, at=now())
    chosen = request.POST.get("way", "")
    if not chosen:
        return next((way for way in ways if way.method is None), None)
    return next((way for way in ways if way.value == chosen), None)


def _charge(
    request: HttpRequest, invoice: Invoice, method: PaymentMethod, part: Part | None
) -> HttpResponse:
    """Charge a stored method that the customer has chosen: on to the bank if it asks to confirm."""
    attempt = charge_present_customer(
        invoice=invoice,
        method=method,
        part=part,
        present=present_customer(request),
        actor=portal_actor(request),
        at=now(),
    )
    if attempt.state == attempt.State.REQUIRES_ACTION and attempt.action_url:
        return see_other(attempt.action_url)
    return redirect("portal_payment", attempt.payment_id)


def present_customer(request: HttpRequest) -> Presence:
    """The browser that has sent a form, as banks want to know it."""
    told = request.POST.get("browser", "")
    return presence_of(address=client_address(request), headers=request.headers, told=told)


def what_became_of(request: HttpRequest, payment: Payment) -> dict[str, object]:
    """What a page that people come back to says of a payment.

    Who has answered the bank's question waits as long as the gateway has not said what came of it.
    """
    last = payment.attempts.order_by("-sequence").first()
    is_open = last is not None and last.state == last.State.REQUIRES_ACTION
    has_answered = is_open and "redirectResult" in request.GET
    return {
        "attempt": last,
        "advice": why_declined(last) if last else "",
        "held": held_in_words(payment.invoice) if payment.state == Payment.State.OPEN else "",
        "is_waiting": payment.state == Payment.State.PROCESSING or has_answered,
    }


@require_GET
@requires(Permission.USE_PORTAL)
def portal_payment(request: HttpRequest, payment_id: UUID) -> HttpResponse:
    """Where the gateway's page sends people back to: what became of it, asked anew."""
    mine = Payment.objects.filter(customer__in=acting_customers(request)).select_related("invoice")
    payment = get_object_or_404(mine, pk=payment_id)
    if payment.state in {Payment.State.PROCESSING, Payment.State.REQUIRES_ACTION}:
        told = request.GET.get("redirectResult", "")
        actor = portal_actor(request)
        payment = confirm_payment(payment=payment, told=told, actor=actor, at=now())
    context = {"payment": payment, "invoice": payment.invoice, **what_became_of(request, payment)}
    return render(request, "portal/payment.html", context)
