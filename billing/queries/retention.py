"""What offers to stay came to."""

from dataclasses import dataclass

from django.db.models import Count, Q

from billing.models import RetentionOffer
from subscriptions.domain.lifecycle import LIVE_STATES


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferRow:
    """An offer: how often it was made, accepted and declined, and how many of those stay."""

    offer: RetentionOffer
    made: int
    accepted: int
    declined: int
    staying: int


def offer_rows() -> list[OfferRow]:
    """Every offer with what came of it; `staying`: accepted it and has no end in sight."""
    accepted = Q(made__state="accepted")
    stays = Q(made__subscription__state__in=sorted(LIVE_STATES), made__subscription__cancel_at=None)
    offers = RetentionOffer.objects.select_related("coupon").annotate(
        made_count=Count("made"),
        accepted_count=Count("made", filter=accepted),
        declined_count=Count("made", filter=Q(made__state="declined")),
        staying_count=Count("made", filter=accepted & stays),
    )
    return [
        OfferRow(
            offer=offer,
            made=offer.made_count,
            accepted=offer.accepted_count,
            declined=offer.declined_count,
            staying=offer.staying_count,
        )
        for offer in offers.prefetch_related("plans")
    ]
