"""Take in customers or subscriptions of another engine: `manage.py move_in customers FILE`."""

from billing.services.moving_in.customers import move_customers_in
from subscriptions.domain.moving_in import FIELDS, FileKind
from subscriptions.management.file_command import FileCommand


class Command(FileCommand):
    """Check a CSV file of customers or subscriptions, and with --write take all of it in."""

    help = __doc__ or ""
    kinds = FileKind
    fields = FIELDS
    take_in = move_customers_in
