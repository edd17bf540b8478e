"""The banks of the drill: cards' holders contest what was charged, and the banks decide."""

from collections.abc import Callable, Iterable, Sequence
from uuid import UUID

from billing.models import PaymentAttempt
from tiktoktoe.drill.gateways import Sandbox
from tiktoktoe.drill.stories import VERDICTS, Stories
from tiktoktoe.drill.truth import Moved


class Banks:
    """They look at what was charged, not at our records."""

    def __init__(self, gateways: Sequence[Sandbox]) -> None:
        self._gateways = {gateway.name: gateway for gateway in gateways}
        self._open: dict[str, tuple[Sandbox, str]] = {}
        self._contested: set[str] = set()

    def go_on(self, ask: Callable[[], Iterable[Moved]], stories: Stories) -> bool:
        """Decide what was contested before, contest what was charged; whether anything was done.

        Args:
            ask: Gives the truth; only asked for while something is still to be contested.
        """
        to_decide, self._open = self._open, {}
        for dispute, (gateway, verdict) in to_decide.items():
            gateway.control.decide_dispute(dispute, verdict)
        wanted = _contestable(stories) - self._contested
        if not wanted:
            return bool(to_decide)
        attempts = PaymentAttempt.objects.filter(payment__invoice__in=map(UUID, wanted))
        owner = {str(pk): str(on) for pk, on in attempts.values_list("pk", "payment__invoice_id")}
        for moved in ask():
            invoice = owner.get(moved.attempt)
            if invoice is None or invoice in self._contested or moved.taken <= moved.refunded:
                continue
            gateway = self._gateways[moved.gateway]
            self._open[gateway.contest(moved)] = (gateway, VERDICTS[stories[invoice]])
            self._contested.add(invoice)
        return bool(to_decide or self._open)


def _contestable(stories: Stories) -> set[str]:
    return {invoice for invoice, story in stories.items() if story in VERDICTS}
