"""What a change of a subscription does at once, in the words that every preview has."""

from dataclasses import dataclass, field

from billing.services.credit.note_plans import NotePlan
from billing.services.invoices.draft_parts import DraftInvoice
from subscriptions.models import Subscription
from tiktoktoe.kernel.money import Money, total, zero


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """The invoice and the credit notes that a change makes at once; `token`: as it was seen."""

    subscription: Subscription
    draft: DraftInvoice | None
    token: str
    notes: tuple[NotePlan, ...] = field(default=())

    @property
    def due_now(self) -> Money:
        """What is to pay at once: with tax, less what credit pays."""
        return self.draft.due if self.draft else zero(self.subscription.currency)

    @property
    def given_back(self) -> Money:
        """What credit notes give back at once, with tax."""
        return total((note.total for note in self.notes), self.subscription.currency)

    @property
    def refunded(self) -> Money:
        """What of it goes back as money."""
        return total((note.refund for note in self.notes), self.subscription.currency)
