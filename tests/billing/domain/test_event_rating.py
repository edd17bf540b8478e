"""Prices that look at each event: what is free, and what lies between limits."""

from decimal import Decimal

import pytest

from billing.domain.event_rating import limit_events
from billing.domain.price_terms import ChargeModel, PriceTerms
from billing.domain.rating import rate
from billing.errors import QuantityInvalid
from subscriptions.domain.metering import LimitedEvents

D = Decimal


def _terms(model: str, **fields: object) -> PriceTerms:
    return PriceTerms(model=ChargeModel(model), currency="EUR", **fields)  # type: ignore[arg-type]


# Numbers of Lago's percentage_service_spec: events of 50, 100, 250 and 400.
@pytest.mark.parametrize(
    ("included", "amount"),
    [
        ({"included_events": 3, "included_units": D(250)}, "11.15"),
        ({"included_units": D(250)}, "11.15"),
        ({"included_events": 3}, "7.2"),
        ({}, "18.4"),
        ({"included_events": 3, "included_units": D(500)}, "7.2"),
        ({"included_events": 5}, "0"),
    ],
)
def test_the_first_events_are_free_by_number_and_by_amount(
    included: dict[str, object], amount: str
) -> None:
    terms = _terms("percentage", percentage=D("1.3"), unit_amount=D(2), **included)
    limited = limit_events([D(50), D(100), D(250), D(400)], terms)

    assert rate(D(800), terms, event_count=4, limited=limited).amount == D(amount)


# The same with 1.75 to 12 for each of 10, 80 and 10000.
@pytest.mark.parametrize(
    ("fields", "amount"),
    [
        ({}, "16.142"),
        ({"unit_amount": D(2)}, "18.691"),
        ({"included_events": 2}, "12"),
        ({"included_units": D(30)}, "13.794"),
        ({"included_events": 3, "included_units": D(10000)}, "2.691"),
    ],
)
def test_only_what_is_charged_has_a_minimum(fields: dict[str, object], amount: str) -> None:
    limits = {"event_minimum": D("1.75"), "event_maximum": D(12)}
    terms = _terms("percentage", percentage=D("2.99"), **limits, **fields)
    limited = limit_events([D(10), D(80), D(10000)], terms)

    assert rate(D(10090), terms, event_count=3, limited=limited).amount == D(amount)


def test_an_event_that_is_included_has_no_minimum() -> None:
    terms = _terms(
        "percentage",
        percentage=D(10),
        included_units=D(50),
        included_events=2,
        unit_amount=D(1),
        event_minimum=D(3),
        event_maximum=D(5),
    )

    limited = limit_events([D(50), D(10), D(20), D(100)], terms)

    # nothing; 1.00 and the fee, so 3.00; 2.00 and the fee; 11.00, so 5.00
    assert limited == LimitedEvents(units=D(20), fees=1, at_minimum=1, at_maximum=1, included=D(50))
    assert rate(D(180), terms, event_count=4, limited=limited).amount == D(11)


def test_limits_need_the_events() -> None:
    terms = _terms("percentage", percentage=D(10), event_minimum=D(3))

    with pytest.raises(QuantityInvalid):
        rate(D(100), terms, event_count=1)
