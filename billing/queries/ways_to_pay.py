"""How a customer may pay an invoice: stored methods, and the pages of gateways that take it."""

from dataclasses import dataclass
from datetime import datetime

from billing.domain.debit_schemes import SCHEMES
from billing.gateways.registry import gateway_named, gateway_names
from billing.models import GatewayHealth, Invoice, PayLink, PaymentMethod
from subscriptions.models import Customer
from tiktoktoe.web.tones import label_of


@dataclass(frozen=True, slots=True)
class Way:
    """One way to pay; `value` names it in a form."""

    value: str
    label: str
    gateway: str
    method: PaymentMethod | None = None


def ways_to_pay(invoice: Invoice, *, at: datetime) -> list[Way]:
    """Every way that is eligible, stored ones first; what a gateway does not take is left out."""
    return [*_stored(invoice, at), *pages_to_pay(invoice)]


def debit_page_for(customer: Customer) -> str:
    """The gateway on whose page a customer can give a bank account to be debited; else ""."""
    for name in open_gateways():
        able = gateway_named(name).capabilities
        schemes = [s for s in SCHEMES.values() if s.currency == customer.currency]
        is_there = any(customer.country in scheme.countries for scheme in schemes)
        is_taken = customer.currency in able.debit_currencies
        if able.keeps_mandates and able.has_hosted_page and is_taken and is_there:
            return name
    return ""


def _stored(invoice: Invoice, at: datetime) -> list[Way]:
    """Stored methods that are not over, held by a gateway that takes the currency."""
    methods = PaymentMethod.objects.usable().filter(customer=invoice.customer_id)
    methods = methods.exclude(expires_on__lt=at.date())
    open_ones = set(open_gateways())
    found = []
    for method in methods.order_by("-is_default", "-created_at").prefetch_related("tokens"):
        usable = [
            name
            for name in _holders(method)
            if name in open_ones and _takes(name, method.kind, invoice)
        ]
        if usable:
            found.append(Way(f"method-{method.pk}", str(method), usable[0], method))
    return found


def _holders(method: PaymentMethod) -> list[str]:
    """The gateways that hold a method, the one that it was stored at first."""
    further = (t.gateway for t in method.tokens.all() if t.state == t.State.ACTIVE)
    return [method.gateway, *further]


def ways_by_link(link: PayLink, *, at: datetime) -> list[Way]:
    """What a link offers: pages, and, where it was sent to the customer alone, stored cards.

    A card's bank may ask to confirm; what else is stored is charged without anybody being there.
    """
    pages = pages_to_pay(link.invoice)
    if link.kind != PayLink.Kind.FIX:
        return pages
    stored = _stored(link.invoice, at)
    return [*pages, *(way for way in stored if way.method and way.method.kind == "card")]


def pages_to_pay(invoice: Invoice) -> list[Way]:
    """The pages of the gateways that take the invoice: all there is without signing in."""
    found = []
    for name in open_gateways():
        capabilities = gateway_named(name).capabilities
        kinds = {kind for kind in capabilities.kinds if _takes(name, kind, invoice)}
        if not capabilities.has_hosted_page or not kinds:
            continue
        words = ", ".join(sorted(kind.replace("_", " ") for kind in kinds))
        found.append(
            Way(f"page-{name}", f"{words.capitalize()} on the page of {label_of(name)}", name)
        )
    return found


def open_gateways() -> list[str]:
    """The gateways that are configured and not switched off, the default one first."""
    off = set(GatewayHealth.objects.filter(is_enabled=False).values_list("gateway", flat=True))
    return [name for name in gateway_names() if name not in off]


def _takes(gateway: str, kind: str, invoice: Invoice) -> bool:
    return not gateway_named(gateway).capabilities.why_not(
        kind=kind, currency=invoice.currency, country=invoice.customer.country
    )
