"""What the timeline of a customer says of each thing that happened, and where that leads."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse

from billing.domain.leaving import REASONS
from billing.models import (
    CouponRedemption,
    CouponUse,
    CreditEntry,
    CreditNote,
    Dispute,
    DunningEvent,
    InstrumentToken,
    Invoice,
    Notice,
    OfferMade,
    PaymentAttempt,
    PaymentMethod,
    PlanChange,
    PlannedStartEvent,
    PrepaidCredit,
    PrepaidEntry,
    Refund,
    UsageAlert,
    UsageBudget,
)
from billing.queries.payments import Happening, decline_in_words
from billing.queries.timeline import Entry
from subscriptions.models import (
    Customer,
    CustomerMember,
    CustomerNote,
    FeatureOverride,
    Invitation,
    SubscriptionTransition,
)
from subscriptions.queries.history import day_of, days_of
from tiktoktoe.accounts.models import User
from tiktoktoe.kernel.money import Money
from tiktoktoe.web.templatetags.moments import DAY
from tiktoktoe.web.templatetags.numbers import money, quantity
from tiktoktoe.web.tones import label_of, tone_of

Words = dict[str, str]


def happening(entry: Entry) -> Happening:
    """An entry as the timeline shows it."""
    return Happening(at=entry.at, **_SAY[entry.source.name](entry.row))


def _transition(row: SubscriptionTransition) -> Words:
    subscription = row.subscription
    since = day_of(row.effective_at, subscription.time_zone)
    counts = f"effective {since}" if row.effective_at != row.recorded_at else ""
    return {
        "what": f"Subscription: {label_of(row.event).lower()}",
        "note": _joined(subscription.plan_version.plan.name, counts, *days_of(row), row.reason),
        "who": _by(row.actor, row.source),
        "tone": tone_of(row.to_state),
        "href": _subscription(subscription.reference),
    }


def _change(row: PlanChange) -> Words:
    invoice = f"invoice {row.invoice}" if row.invoice else ""
    href = _invoice(row.invoice) if row.invoice else _subscription(row.subscription.reference)
    return {
        "what": f"Change to {row.plan_version.plan.name}, quantity {row.quantity}: {row.state}",
        "note": _joined(f"effective {row.effective_at.strftime(DAY)}", row.reason, invoice),
        "who": _by(row.actor, row.source),
        "tone": tone_of(row.state),
        "href": href,
    }


def _planned_start(row: PlannedStartEvent) -> Words:
    start = row.start
    day = start.on.strftime(DAY)
    words = PlannedStartEvent.Kind(row.kind).label.lower()
    return {
        "what": f"Planned start of {start.plan_version.plan.name}, quantity {start.quantity}: "
        f"{words}",
        "note": _joined(f"effective {day}", row.reason),
        "who": _by(row.actor, row.source),
        "tone": {"refused": "bad", "started": "good"}.get(row.kind, ""),
        "href": reverse("planned_start_detail", args=[start.pk]),
    }


def _of_invoice(words: str, tone: str = "") -> Callable[[Invoice], Words]:
    def say(row: Invoice) -> Words:
        return {
            "what": f"Invoice {row} {words}: {money(row.total)}",
            "note": label_of(row.kind),
            "tone": tone,
            "href": _invoice(row),
        }

    return say


def _not_issued(row: Invoice) -> Words:
    return _of_invoice("moved in" if row.state == Invoice.State.ELSEWHERE else "drafted")(row)


def _credit_note(row: CreditNote) -> Words:
    return {
        "what": f"Credit note {row}: {money(row.total)}",
        "note": _joined(f"of invoice {row.invoice}", row.reason),
        "href": reverse("credit_note_detail", args=[row.number]),
    }


def _attempt(row: PaymentAttempt) -> Words:
    by = str(row.method) if row.method else label_of(row.channel)
    return {
        "what": f"Payment of {money(row.payment.amount)}: {label_of(row.state).lower()}",
        "note": _joined(f"invoice {row.payment.invoice}", by, decline_in_words(row)),
        "tone": tone_of(row.state),
        "href": _payment(row.payment_id),
    }


def _dispute(words: Callable[[Dispute], str]) -> Callable[[Dispute], Words]:
    def say(row: Dispute) -> Words:
        return {
            "what": f"Dispute over {money(row.amount)} {words(row)}",
            "note": _joined(f"invoice {row.payment.invoice}", row.reason),
            "tone": "good" if row.state == Dispute.State.WON else "bad",
            "href": reverse("dispute_detail", args=[row.pk]),
        }

    return say


def _dunning(row: DunningEvent) -> Words:
    return {
        "what": f"Dunning: {label_of(row.event).lower()}",
        "note": _joined(f"invoice {row.run.invoice}", row.reason),
        "who": row.actor,
        "href": reverse("dunning_run", args=[row.run_id]),
    }


def _refund(row: Refund) -> Words:
    return {
        "what": f"Refund of {money(row.amount)}: {label_of(row.state).lower()}",
        "note": _joined(f"invoice {row.payment.invoice}", row.reason),
        "tone": tone_of(row.state),
        "href": _payment(row.payment_id),
    }


def _method(row: PaymentMethod) -> Words:
    return {
        "what": f"{row} stored",
        "note": "removed since" if row.state == PaymentMethod.State.REMOVED else "",
        "href": _list("payment_list", customer=row.customer_id),
    }


def _token(row: InstrumentToken) -> Words:
    is_over = row.state == InstrumentToken.State.REMOVED
    return {
        "what": f"{row.method} kept at {label_of(row.gateway)} too",
        "note": "no longer" if is_over else "",
        "href": _list("payment_list", customer=row.method.customer_id),
    }


def _credit(row: CreditEntry) -> Words:
    document = row.invoice or row.credit_note
    return {
        "what": f"Credit balance: {label_of(row.kind).lower()} {money(row.amount)}",
        "note": _joined(str(document or ""), row.reason),
        "who": row.actor,
        "href": reverse("credit_detail", args=[row.customer_id]),
    }


def _lot(row: PrepaidCredit) -> Words:
    until = f"expires {row.expires_at.strftime(DAY)}" if row.expires_at else ""
    return {
        "what": f"Prepaid credits {row.kind}: {money(row.amount)}",
        "note": _joined(row.wallet.name, until, row.reason),
        "who": row.actor,
        "href": reverse("wallet_detail", args=[row.wallet.customer_id]),
    }


def _lot_move(row: PrepaidEntry) -> Words:
    return {
        "what": f"Prepaid credits {row.kind}: {money(row.amount)}",
        "note": _joined(
            row.credit.wallet.name, f"invoice {row.invoice}" if row.invoice else "", row.reason
        ),
        "href": reverse("wallet_detail", args=[row.credit.wallet.customer_id]),
    }


def _redemption(row: CouponRedemption) -> Words:
    return {
        "what": f"Coupon {row.coupon} redeemed",
        "note": _joined(row.coupon.worth, label_of(row.state)),
        "who": row.actor,
        "href": reverse("coupon_detail", args=[row.coupon.code]),
    }


def _coupon_use(row: CouponUse) -> Words:
    off = f"{money(row.amount)} off invoice {row.invoice}"
    return {
        "what": f"Coupon {row.redemption.coupon} took {off}",
        "note": "returned since" if row.is_returned else "",
        "href": _invoice(row.invoice),
    }


def _notice(row: Notice) -> Words:
    return {
        "what": f"E-mail: {row.subject or row.label}",
        "note": _joined(label_of(row.state), row.recipient, row.reason),
        "tone": "bad" if row.state in {"failed", "bounced"} else "",
        "href": reverse("notice_detail", args=[row.pk]),
    }


def _alert(row: UsageAlert) -> Words:
    subscription = row.subscription
    query: dict[str, object] = {"customer": subscription.customer_id}
    if row.price is None:
        level = money(Money(row.level, subscription.currency))
        what, note = f"Usage reached the budget of {level}", ""
    else:
        what = f"{row.price.name}: {row.percent} % of what is included"
        note = f"{quantity(row.used)} of {quantity(row.level)}"
        query["meter"] = row.price.meter.code if row.price.meter else ""
    return {"what": what, "note": note, "tone": "warn", "href": _list("usage_explorer", **query)}


def _budget(row: UsageBudget) -> Words:
    return {
        "what": f"Budget set: {money(row.amount)}",
        "who": _by(row.actor, row.source),
        "href": _subscription(row.subscription.reference),
    }


def _offer(row: OfferMade) -> Words:
    return {
        "what": f"Offer to stay, {row.offer}: {row.state}",
        "note": REASONS.get(row.reason, row.reason),
        "tone": "good" if row.state == OfferMade.State.ACCEPTED else "",
        "href": reverse("retention_offer_list"),
    }


def _override(row: FeatureOverride) -> Words:
    until = f"until {row.ends_at.strftime(DAY)}" if row.ends_at else ""
    return {
        "what": f"{row.feature} {'granted' if row.is_granted else 'taken away'}",
        "note": _joined(f"from {row.starts_at.strftime(DAY)}", until, row.reason),
        "who": _by(row.actor, row.source),
        "href": reverse("customer_features", args=[row.customer_id]),
    }


def _invitation(row: Invitation) -> Words:
    state = "accepted" if row.accepted_at else "taken back" if row.revoked_at else ""
    return {
        "what": f"{row.email} invited to the portal",
        "note": state,
        "who": _by(row.invited_by, ""),
        "href": _people(row.customer_id),
    }


def _member(row: CustomerMember) -> Words:
    return {"what": f"{row.user} may act for it", "href": _people(row.customer_id)}


def _customer(row: Customer) -> Words:
    return {"what": f"{row.name} became a customer", "href": _people(row.pk)}


def _note(row: CustomerNote) -> Words:
    return {"what": "Note", "note": row.text, "who": row.author.email, "tone": "note", "href": ""}


def _joined(*parts: str) -> str:
    return " · ".join(part for part in parts if part)


def _by(user: User | None, source: str) -> str:
    return user.email if user else source


def _subscription(reference: str) -> str:
    return reverse("subscription_detail", args=[reference])


def _invoice(invoice: Invoice) -> str:
    return reverse("invoice_detail", args=[invoice.address_key])


def _payment(payment_id: object) -> str:
    return reverse("payment_detail", args=[payment_id])


def _people(customer_id: int) -> str:
    return f"{reverse('customer_detail', args=[customer_id])}#people"


def _list(name: str, **query: object) -> str:
    return f"{reverse(name)}?{urlencode(query)}"


_SAY: dict[str, Callable[[Any], Words]] = {
    "note": _note,
    "notice": _notice,
    "alert": _alert,
    "budget": _budget,
    "dispute_closed": _dispute(lambda row: label_of(row.state).lower()),
    "dispute_opened": _dispute(lambda _row: "opened"),
    "dunning": _dunning,
    "refund": _refund,
    "attempt": _attempt,
    "method": _method,
    "token": _token,
    "invoice_written_off": _of_invoice("written off", "bad"),
    "invoice_void": _of_invoice("void"),
    "invoice_paid": _of_invoice("paid", "good"),
    "credit": _credit,
    "lot_move": _lot_move,
    "lot": _lot,
    "credit_note": _credit_note,
    "coupon_use": _coupon_use,
    "invoice_issued": _of_invoice("issued"),
    "invoice_draft": _not_issued,
    "redemption": _redemption,
    "offer": _offer,
    "change": _change,
    "planned_start": _planned_start,
    "transition": _transition,
    "override": _override,
    "member": _member,
    "invitation": _invitation,
    "customer": _customer,
}
