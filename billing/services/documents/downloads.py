"""Everything that we have of a customer in one file, for a short time and one person only.

Asked for, then made: at once where it is small, else by a task. Whoever makes it claims it by
a conditional update; one that died is made anew after a while.
"""

import logging
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q, QuerySet

from billing.models import CreditNote, CustomerDownload, Invoice
from billing.services.documents.download_files import zip_of
from subscriptions.models import Customer
from tiktoktoe.accounts.models import User
from tiktoktoe.kernel.ids import uuid7

logger = logging.getLogger(__name__)

State = CustomerDownload.State
KEPT_FOR = timedelta(days=3)
AGAIN_AFTER = timedelta(hours=1)  # it has surely died by then
SMALL = 20  # documents that are made while the customer waits


@transaction.atomic
def request_download(*, customer: Customer, user: User, at: datetime) -> CustomerDownload:
    """Ask for a file of everything; one that is being made for this person is not begun twice."""
    Customer.objects.select_for_update(of=("self",)).get(pk=customer.pk)
    known = CustomerDownload.objects.filter(
        customer=customer, requested_by=user, state__in=[State.WAITING, State.MAKING]
    ).first()
    return known or CustomerDownload.objects.create(
        id=uuid7(), customer=customer, requested_by=user, requested_at=at
    )


def is_small(customer: Customer) -> bool:
    """Whether there are so few documents that a page may wait for them."""
    invoices = Invoice.objects.final().filter(customer=customer).count()
    return invoices + CreditNote.objects.filter(customer=customer).count() <= SMALL


def make_download(*, download: CustomerDownload, at: datetime) -> CustomerDownload:
    """Make a file that was asked for, unless somebody else does or has."""
    if _claim(download, at):
        try:
            content = zip_of(download.customer, at=at)
        except Exception:  # whatever it is, the customer is told, and others are made
            logger.exception("download failed", extra={"download": str(download.pk)})
            _mine(download, at).update(state=State.FAILED)
        else:
            _keep(download, content, at)
    download.refresh_from_db()
    return download


def make_waiting_downloads(*, at: datetime) -> int:
    """Make the files that wait; gives how many."""
    waiting = list(_to_make(at).order_by("requested_at"))
    for download in waiting:
        make_download(download=download, at=at)
    return len(waiting)


@transaction.atomic
def forget_downloads(*, at: datetime) -> int:
    """Forget the files whose time is over; gives how many."""
    over = CustomerDownload.objects.filter(state=State.READY, expires_at__lte=at)
    return over.update(state=State.GONE, file=None)


def _to_make(at: datetime) -> QuerySet[CustomerDownload]:
    died = Q(state=State.MAKING, claimed_at__lte=at - AGAIN_AFTER)
    return CustomerDownload.objects.filter(Q(state=State.WAITING) | died)


@transaction.atomic
def _claim(download: CustomerDownload, at: datetime) -> bool:
    claimed = _to_make(at).filter(pk=download.pk)
    return bool(claimed.update(state=State.MAKING, claimed_at=at))


@transaction.atomic
def _keep(download: CustomerDownload, content: bytes, at: datetime) -> None:
    _mine(download, at).update(
        state=State.READY,
        file=content,
        file_bytes=len(content),
        ready_at=at,
        expires_at=at + KEPT_FOR,
    )
    logger.info("download made", extra={"download": str(download.pk), "bytes": len(content)})


def _mine(download: CustomerDownload, at: datetime) -> QuerySet[CustomerDownload]:
    """The row, as long as nobody has taken it over."""
    return CustomerDownload.objects.filter(pk=download.pk, state=State.MAKING, claimed_at=at)
