"""Two people who look at PayPal for what it tells nobody else: what was never executed there.

A request whose answer was lost is sent again while PayPal surely remembers its key, and if it was
executed an event tells so. If it was not, nothing ever does: they say so, a day later.
"""

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from uuid import uuid4

from billing.errors import ProofMissing, StateMoveNotAllowed
from billing.models import OutcomeClaim, PaymentAttempt, PaymentOperation, Refund
from billing.services.payments.claim_targets import Target, asked_since
from billing.services.payments.unknowns import PERSONS_WAIT, agree_to_claim, claim_outcome
from subscriptions.services.transitions import Actor
from tiktoktoe.accounts.models import User
from tiktoktoe.accounts.roles import Role
from tiktoktoe.drill.wallets import PayPal

Verdict = OutcomeClaim.Verdict


class People:
    """They go by what PayPal shows them, never by our records."""

    def __init__(self, paypal: PayPal) -> None:
        self._paypal = paypal
        self._first, self._second = _person(), _person()
        self.said = 0

    def look(self, at: datetime) -> bool:
        """Say what became of what is unknown for a day; whether there was anything to say."""
        unknown = [
            one for one in _unknown(self._paypal.name) if at - asked_since(one) >= PERSONS_WAIT
        ]
        names = self._paypal.names() if unknown else {}
        before = self.said
        for target in unknown:
            with suppress(ProofMissing, StateMoveNotAllowed):  # asked once more, PayPal has told
                self._say(target, names.get(str(target.pk), ""), at)
        return self.said > before

    def _say(self, target: Target, name: str, at: datetime) -> None:
        claim = claim_outcome(
            target=target,
            verdict=Verdict.EXECUTED if name else Verdict.NOT_EXECUTED,
            reference=name,
            proof="PayPal's own list of what has happened",
            reason="the drill",
            actor=self._first,
            at=at,
        )
        agree_to_claim(claim=claim, actor=self._second, at=at)
        self.said += 1


def _unknown(gateway: str) -> Iterator[Target]:
    yield from PaymentAttempt.objects.filter(gateway=gateway, state="unknown")
    yield from Refund.objects.filter(attempt__gateway=gateway, state="unknown")
    yield from PaymentOperation.objects.filter(attempt__gateway=gateway, state="unknown")


def _person() -> Actor:
    user = User.objects.create_user(f"{uuid4().hex}@drill.example", role=Role.FINANCE)
    return Actor(source="drill", user=user)
