"""The next invoice after a change: the change is made, the invoice looked at, all of it undone.

So it is by the very code that does both, and what the change takes of coupons, credit and
wallets is gone for the invoice after it. Nobody else ever sees any of it, and nothing is sent.
"""

from collections.abc import Callable

from django.db import OperationalError, connection, transaction

from billing.services.invoices.draft_parts import DraftInvoice
from billing.services.invoices.invoicing import preview_next_invoice
from subscriptions.models import Subscription
from tiktoktoe.kernel.errors import TikTokToeError
from tiktoktoe.kernel.rehearsal import rehearsing

# A page must not wait for a billing run that holds the subscription, or the numbers.
WAIT = "SET LOCAL lock_timeout = '500ms'"


def invoice_after(
    change: Callable[[], object], *, subscription: Subscription
) -> DraftInvoice | None:
    """What the next invoice would be once a change is made; nothing is written.

    None if there would be none, or it cannot be told right now: the change is refused, or
    somebody else is billing the subscription. The change must not reach a gateway by itself.
    """
    try:
        with transaction.atomic(), rehearsing():
            with connection.cursor() as cursor:
                cursor.execute(WAIT)
            change()
            found = preview_next_invoice(subscription=subscription)
            transaction.set_rollback(True)
    except (TikTokToeError, OperationalError):
        return None
    return found
