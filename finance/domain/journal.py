"""Entries and postings: balanced, immutable, and with one canonical form to hash."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from hashlib import sha256

from finance.domain.chart import ACCOUNTS
from finance.errors import EmptyEntry, UnbalancedEntry, UnknownAccount
from tiktoktoe.kernel.money import Money, to_minor


@dataclass(frozen=True, slots=True, kw_only=True)
class Posting:
    """An amount on an account, in minor units: a debit is positive, a credit negative.

    `customer` and `document` are identities only: the ledger holds no names.
    """

    account_code: str
    amount_minor: int
    currency: str
    customer: str = ""
    document: str = ""

    @property
    def is_debit(self) -> bool:
        """Whether it stands on the left."""
        return self.amount_minor > 0

    def reversed(self) -> "Posting":
        """The same amount on the other side."""
        return replace(self, amount_minor=-self.amount_minor)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Postings that belong together and sum to zero in each currency; balanced once made.

    `key` identifies what is posted, and under which version of the rules: the ledger takes
    a key once. `reverses` is the key of the entry that this one takes back.

    Raises:
        EmptyEntry: If there are no postings, or one moves nothing.
        UnbalancedEntry: If debits and credits differ in a currency.
        UnknownAccount: If an account is not in the chart.
    """

    kind: str
    key: str
    effective_on: date
    postings: tuple[Posting, ...]
    description: str = ""
    reverses: str = ""

    def __post_init__(self) -> None:
        if not self.postings or not all(posting.amount_minor for posting in self.postings):
            raise EmptyEntry(f"{self.key} has no postings, or one of zero")
        for posting in self.postings:
            if posting.account_code not in ACCOUNTS:
                raise UnknownAccount(f"{self.key}: no account {posting.account_code!r}")
        for currency, difference in balance(self.postings).items():
            if difference:
                raise UnbalancedEntry(
                    f"{self.key}: debits exceed credits by {difference} minor units of {currency}"
                )

    @property
    def body_hash(self) -> bytes:
        """SHA-256 of everything the entry says, but not of its description, which may be put
        into better words; the same facts always hash the same, in whatever order they come.
        """
        body = {
            "kind": self.kind,
            "key": self.key,
            "effective_on": self.effective_on.isoformat(),
            "reverses": self.reverses,
            "postings": sorted(
                [p.account_code, p.currency, p.amount_minor, p.customer, p.document]
                for p in self.postings
            ),
        }
        text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return sha256(text.encode()).digest()

    def reversed(self, *, effective_on: date) -> "Entry":
        """The entry that takes this one back, on a day of its own."""
        return Entry(
            kind=f"{self.kind}_reversal",
            key=f"{self.key}:reversal",
            effective_on=effective_on,
            postings=tuple(posting.reversed() for posting in self.postings),
            description=f"Reversal: {self.description}" if self.description else "",
            reverses=self.key,
        )


def balance(postings: Iterable[Posting]) -> Mapping[str, int]:
    """Debits less credits, by currency, in minor units; an entry's are all zero."""
    sums: dict[str, int] = defaultdict(int)
    for posting in postings:
        sums[posting.currency] += posting.amount_minor
    return dict(sums)


def account_balances(entries: Iterable[Entry]) -> Mapping[tuple[str, str], int]:
    """The balance of each account and currency, debits positive, in minor units."""
    sums: dict[tuple[str, str], int] = defaultdict(int)
    for entry in entries:
        for posting in entry.postings:
            sums[posting.account_code, posting.currency] += posting.amount_minor
    return dict(sums)


def debit(account_code: str, amount: Money, *, customer: str, document: str) -> Posting:
    """A posting on the left; of a negative amount, on the right."""
    return Posting(
        account_code=account_code,
        amount_minor=to_minor(amount),
        currency=amount.currency.code,
        customer=customer,
        document=document,
    )


def credit(account_code: str, amount: Money, *, customer: str, document: str) -> Posting:
    """A posting on the right; of a negative amount, on the left."""
    return debit(account_code, amount, customer=customer, document=document).reversed()
