"""Where the gateway's pages send people back to."""

from django.conf import settings
from django.urls import reverse

from billing.models import Payment


def payment_page_address(payment: Payment) -> str:
    """The portal's page about one payment, which asks the gateway what became of it."""
    return absolute(reverse("portal_payment", args=[payment.pk]))


def setup_page_address(gateway: str) -> str:
    """The portal's page that a new payment method is taken over on; Stripe fills in which."""
    return setup_page_left_address(gateway) + "&session={CHECKOUT_SESSION_ID}"


def setup_page_left_address(gateway: str) -> str:
    """The same page, where the gateway does not say which page it was, or it was left."""
    return f"{absolute(reverse('portal_method_return'))}?gateway={gateway}"


def absolute(path: str) -> str:
    """An address that works from outside."""
    return f"{settings.BASE_URL.rstrip('/')}{path}"
