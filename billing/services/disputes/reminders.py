"""Reminding staff of disputes whose deadline comes, once for each step before it."""

from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.urls import reverse

from billing.domain.disputes import REMINDED_BEFORE, reminder_due
from billing.models import Dispute, DisputeReminder
from billing.services.announcements.company_mail import tell_company
from subscriptions.models import CustomerClock
from tiktoktoe.kernel.money import quantize

_SENT_AGAIN_AFTER = timedelta(minutes=10)


def remind_of_disputes(*, at: datetime, clock: CustomerClock | None = None) -> int:
    """Write to the company of what is to be answered soon; gives how many reminders.

    A reminder is claimed before it is sent. One whose sending failed is tried again after ten
    minutes, so that a mail server that is down delays it and loses nothing. Of customers with a
    test clock only those of `clock`.
    """
    until = at + timedelta(days=max(REMINDED_BEFORE))
    urgent = Dispute.objects.due_within(at=at, until=until).filter(payment__customer__clock=clock)
    sent = 0
    for dispute in urgent.select_related("payment__invoice", "payment__customer"):
        if dispute.answers.filter(state__in=["dispatched", "unknown"]).exists():
            continue  # it is on its way
        reminder = _claim(dispute, at)
        if reminder is not None and _tell(dispute):
            DisputeReminder.objects.filter(pk=reminder.pk).update(sent_at=at)
            sent += 1
    return sent


def next_reminder_at(clock: CustomerClock, *, after: datetime, to: datetime) -> datetime | None:
    """When the next reminder of a clock's customers is due, after one instant and by another."""
    before = [timedelta(days=days) for days in REMINDED_BEFORE]
    waiting = Dispute.objects.due_within(at=after, until=to + max(before))
    due = waiting.filter(payment__customer__clock=clock).values_list("due_at", flat=True)
    steps = [at - days for at in due if at for days in before]
    return min((step for step in steps if after < step <= to), default=None)


def _claim(dispute: Dispute, at: datetime) -> DisputeReminder | None:
    """The reminder that is due now, if nobody has sent it or is sending it."""
    assert dispute.due_at is not None
    days = reminder_due(due_at=dispute.due_at, at=at)
    if days is None:
        return None
    about = {"dispute": dispute, "due_at": dispute.due_at, "days_before": days}
    try:
        with transaction.atomic():
            return DisputeReminder.objects.create(**about, claimed_at=at)
    except IntegrityError:
        failed = DisputeReminder.objects.filter(
            **about, sent_at=None, claimed_at__lte=at - _SENT_AGAIN_AFTER
        )
        return DisputeReminder.objects.get(**about) if failed.update(claimed_at=at) else None


def _tell(dispute: Dispute) -> bool:
    assert dispute.due_at is not None
    customer, invoice = dispute.payment.customer, dispute.payment.invoice
    due = f"{dispute.due_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    address = settings.BASE_URL + reverse("dispute_detail", args=[dispute.pk])
    text = (
        f"{customer.name} contests {quantize(dispute.amount)} of invoice {invoice} at its bank "
        f"({dispute.reason_class.replace('_', ' ')}).\n\n"
        f"The bank waits for an answer until {due}; without one it is lost.\n{address}\n"
    )
    return tell_company(
        subject=f"Dispute of invoice {invoice}: answer by {due}",
        text=text,
        about={"dispute": str(dispute.pk)},
    )
