"""Take in what customers bring along: `manage.py move_in_belongings payment_methods FILE`."""

from billing.domain.belongings import FIELDS, BelongingKind
from billing.services.moving_in.belongings import move_belongings_in
from subscriptions.management.file_command import FileCommand


class Command(FileCommand):
    """Check a CSV file of stored methods, coupons, wallets or add-ons; --write takes it in."""

    help = __doc__ or ""
    kinds = BelongingKind
    fields = FIELDS
    take_in = move_belongings_in
