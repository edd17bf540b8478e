"""A customer's stored ways to pay: which gateways hold each, and which others could."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from billing.gateways.registry import DEFAULT_GATEWAY, gateway_named
from billing.models import PaymentMethod
from billing.queries.ways_to_pay import open_gateways
from subscriptions.models import Customer
from tiktoktoe.web.tones import label_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A gateway that holds a method, and since when."""

    gateway: str
    name: str
    since: datetime
    is_first: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldMethod:
    """A stored method, where it is held, and where else a card could be: the first of those."""

    method: PaymentMethod
    places: Sequence[Place]
    also_at: str = ""
    replaced_at: str = ""  # the gateway on whose page another can be stored in its place

    @property
    def also_at_name(self) -> str:
        """That gateway, as people call it."""
        return label_of(self.also_at)

    @property
    def first(self) -> Place:
        """Where it was stored."""
        return self.places[0]

    @property
    def further(self) -> Sequence[Place]:
        """The other gateways that hold it."""
        return self.places[1:]


@dataclass(frozen=True, slots=True, kw_only=True)
class StorePage:
    """A gateway's page on which a method can be stored, in plain words."""

    gateway: str
    name: str
    takes: str
    is_default: bool


def pages_that_store(customer: Customer) -> list[StorePage]:
    """Where a customer can store a method in its currency, the default gateway first."""
    return [
        StorePage(
            gateway=name,
            name=label_of(name),
            takes=_in_words(_storable(name, customer)),
            is_default=name == DEFAULT_GATEWAY,
        )
        for name in open_gateways()
        if _storable(name, customer)
    ]


def pays_only_pages(customer: Customer) -> list[str]:
    """Gateways that keep a method only while something is paid on their page, as people say."""
    names = []
    for name in open_gateways():
        able = gateway_named(name).capabilities
        takes = any(
            not able.why_not(kind=kind, currency=customer.currency, country=customer.country)
            for kind in able.kinds
        )
        if able.has_hosted_page and not able.stores_on_page and takes:
            names.append(label_of(name))
    return names


def held_methods(customer: Customer) -> list[HeldMethod]:
    """The methods that are not removed, the default one first; two queries."""
    rows = PaymentMethod.objects.usable().filter(customer=customer)
    rows = rows.select_related("gateway_mandate").prefetch_related("tokens")
    pages = [page.gateway for page in pages_that_store(customer)]
    able = [name for name in pages if _takes_cards(name)]
    return [_held(row, able, pages) for row in rows]


def _held(row: PaymentMethod, able: Sequence[str], pages: Sequence[str]) -> HeldMethod:
    tokens = [token for token in row.tokens.all() if token.state == token.State.ACTIVE]
    places = [
        _place(row.gateway, row.created_at, is_first=True),
        *(_place(token.gateway, token.created_at, is_first=False) for token in tokens),
    ]
    holders = {place.gateway for place in places}
    others = [name for name in able if name not in holders] if row.kind == "card" else []
    return HeldMethod(
        method=row,
        places=places,
        also_at=next(iter(others), ""),
        replaced_at=row.gateway if row.gateway in pages else next(iter(pages), ""),
    )


def _place(gateway: str, since: datetime, *, is_first: bool) -> Place:
    return Place(gateway=gateway, name=label_of(gateway), since=since, is_first=is_first)


def _takes_cards(gateway: str) -> bool:
    return "card" in gateway_named(gateway).capabilities.kinds


def _storable(gateway: str, customer: Customer) -> list[str]:
    """The kinds that a gateway's page stores for a customer; debits have a page of their own."""
    able = gateway_named(gateway).capabilities
    if not (able.has_hosted_page and able.stores_on_page):
        return []
    return [
        kind
        for kind in sorted(able.kinds - {"bank_debit"})
        if not able.why_not(kind=kind, currency=customer.currency, country=customer.country)
    ]


def _in_words(kinds: Collection[str]) -> str:
    words = {"card": "cards", "wallet": "wallets, such as Apple Pay, Google Pay or Link"}
    return " and ".join(words.get(kind, kind.replace("_", " ")) for kind in kinds)
