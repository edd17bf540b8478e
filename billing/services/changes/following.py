"""The next invoice after a change: the change is made, the invoice looked at, all of it undone.

So it is by the very code that does both, and what the change takes of coupons, credit and
wallets is gone for the invoice after it. Nobody else ever sees any of it, and nothing is sent.

Whoever really changes something of the same customer waits meanwhile, so it is given up before
that is long; nobody else waits: no number is taken (`numbering`), no usage closed, and no tax
engine asked, which is for the caller, when all is undone.
"""

from collections.abc import Callable
from time import perf_counter
from typing import Any

from django.conf import settings
from django.db import OperationalError, connection, transaction

from billing.services.invoices.draft_parts import DraftInvoice
from billing.services.invoices.invoicing import preview_next_invoice
from subscriptions.models import Subscription
from tiktoktoe.kernel.errors import TikTokToeError
from tiktoktoe.kernel.rehearsal import rehearsing

ONE_WAIT = 5  # a statement, with what it waits for, may take this part of the time


def invoice_after(
    change: Callable[[], object], *, subscription: Subscription
) -> DraftInvoice | None:
    """What the next invoice would be once a change is made; nothing is written.

    None if there would be none, or it cannot be told right now: the change is refused, or
    it takes too long. The change must not reach a gateway by itself.
    """
    milliseconds = settings.REHEARSAL_MILLISECONDS
    one_wait = milliseconds // ONE_WAIT
    in_time = _InTime(milliseconds - one_wait)
    try:
        with transaction.atomic(), rehearsing(), connection.execute_wrapper(in_time):
            with connection.cursor() as cursor:
                cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(one_wait)])
            change()
            found = preview_next_invoice(subscription=subscription)
            transaction.set_rollback(True)
    except (TikTokToeError, OperationalError):
        return None
    return found


class _InTime:
    """Begins no statement once the time is over."""

    def __init__(self, milliseconds: int) -> None:
        self._ends = perf_counter() + milliseconds / 1000

    def __call__(self, execute: Callable[..., Any], *statement: Any) -> Any:
        if perf_counter() > self._ends:
            raise OperationalError("trying it out takes too long")
        return execute(*statement)
