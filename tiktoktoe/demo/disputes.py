"""Now and then a cardholder contests a payment of the demo company: told, answered, decided."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

from billing.models import Dispute, DisputeAnswer, PaymentAttempt
from billing.services.disputes.answers import answer_dispute
from billing.services.payments.intake import look_at_reported
from subscriptions.services.transitions import Actor
from tiktoktoe.sandbox.control import SandboxControl

FINANCE = Actor(source="finance")
CONTESTED = 0.08  # whenever it goes on, which is twice a week: the bank waits for a week
REASONS = ("fraudulent", "product_not_received", "subscription_canceled")
# What becomes of one: we hand in evidence and win or lose, or give it up.
ENDS = ("won", "lost", "won", "given up")
RECENTLY = timedelta(days=25)


@dataclass
class Disputes:
    """Those that go on, each with its end, which the dice have said."""

    sandbox: SandboxControl
    dice: Random
    going_on: list[tuple[str, str]] = field(default_factory=list)

    def go_on(self, at: datetime) -> None:
        """What was answered is decided, what was told is answered, one comes in."""
        for reference, end in list(self.going_on):
            if self._is_answered(reference):
                self.sandbox.decide_dispute(reference, end)
                self._hear(reference, at)
                self.going_on.remove((reference, end))
            else:
                self._answer(reference, end, at)
        if self.dice.random() < CONTESTED:
            self._contest(at)

    def _contest(self, at: datetime) -> None:
        paid = PaymentAttempt.objects.filter(
            gateway="stripe",
            state="succeeded",
            method__kind="card",
            resolved_at__gte=at - RECENTLY,
            payment__state="paid",
            payment__contested="",
            payment__amount_refunded=0,
        )
        rows = list(paid.order_by("resolved_at", "payment__invoice__number")[:40])
        if not rows:
            return
        contested, reason = self.dice.choice(rows), self.dice.choice(REASONS)
        made = self.sandbox.dispute(contested.gateway_reference, reason=reason)
        self.going_on.append((str(made["id"]), self.dice.choice(ENDS)))
        self._hear(str(made["id"]), at)

    def _answer(self, reference: str, end: str, at: datetime) -> None:
        kinds = DisputeAnswer.Kind
        dispute = Dispute.objects.get(gateway_reference=reference)
        kind = kinds.ACCEPTANCE if end == "given up" else kinds.EVIDENCE
        answer_dispute(dispute=dispute, kind=kind, actor=FINANCE, at=at)
        if end == "given up":
            self._hear(reference, at)
            self.going_on.remove((reference, end))

    def _is_answered(self, reference: str) -> bool:
        return DisputeAnswer.objects.filter(dispute__gateway_reference=reference).exists()

    def _hear(self, reference: str, at: datetime) -> None:
        """As the webhook's task does."""
        look_at_reported(kind="dispute", reference=reference, our_reference="", at=at)
