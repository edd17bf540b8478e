"""What a price says makes sense, or is refused by its field."""

from collections.abc import Sequence
from decimal import Decimal

import pytest

from billing.domain.price_terms import ChargeModel, PriceTerms, Tier
from billing.errors import PriceTermsInvalid

D = Decimal


def _terms(model: str, **fields: object) -> PriceTerms:
    return PriceTerms(model=ChargeModel(model), currency="EUR", **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("tiers", "field", "message"),
    [
        ((), "tiers", "needs tiers"),
        ((Tier(up_to=D(10)),), "tiers[1].up_to", "nothing says what more than 10 cost"),
        ((Tier(up_to=None), Tier(up_to=None)), "tiers[1].up_to", "overlaps the next"),
        (
            (Tier(up_to=D(10)), Tier(up_to=D(10)), Tier(up_to=None)),
            "tiers[2].up_to",
            "does not lie above",
        ),
        ((Tier(up_to=D(0)), Tier(up_to=None)), "tiers[1].up_to", "does not lie above"),
        ((Tier(up_to=None, unit_amount=D(-1)),), "tiers[1].unit_amount", "negative"),
        ((Tier(up_to=None, flat_amount=D("NaN")),), "tiers[1].flat_amount", "not a number"),
        ((Tier(up_to=None, block_size=D(0)),), "tiers[1].block_size", "not above zero"),
    ],
)
def test_tiers_with_gaps_or_overlaps_name_the_tier(
    tiers: Sequence[Tier], field: str, message: str
) -> None:
    with pytest.raises(PriceTermsInvalid, match=message) as refused:
        _terms("graduated", tiers=tiers)

    assert refused.value.field == field


@pytest.mark.parametrize(
    ("model", "fields", "field"),
    [
        ("package", {}, "package_size"),
        ("package", {"package_size": D(0)}, "package_size"),
        ("per_unit", {"unit_amount": D(-1)}, "unit_amount"),
        ("per_unit", {"included_units": D(-1)}, "included_units"),
        ("per_unit", {"tiers": (Tier(up_to=None),)}, "tiers"),
        ("percentage", {"percentage": D("Infinity")}, "percentage"),
    ],
)
def test_terms_that_contradict_themselves_name_the_field(
    model: str, fields: dict[str, object], field: str
) -> None:
    with pytest.raises(PriceTermsInvalid) as refused:
        _terms(model, **fields)

    assert refused.value.field == field
