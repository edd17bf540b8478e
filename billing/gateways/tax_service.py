"""A tax engine that is asked over HTTP: one POST a sale, idempotent by its key.

It gets the sale as JSON, with amounts as strings, and answers for each line its net amount and
its taxes: `{"lines": [{"net": "100.00", "taxes": [{"code": "us-tx", "name": "Sales tax",
"jurisdiction": "US-TX", "percentage": "8.25", "tax": "8.25"}]}]}`. No tax at all is a row too,
with a percentage and a tax of 0 and, where there is one, a note that is printed. What is asked
for a preview says `"is_estimate": true`: nothing is sold yet.
"""

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

import httpx
from django.conf import settings

from billing.domain.tax import TaxedLine, TaxRate
from billing.domain.tax_engine import Sale, SaleLine, TaxEngine, checked
from billing.domain.totals import Totals
from billing.errors import TaxAnswerWrong, TaxEngineUnavailable
from billing.gateways.http import Reply, http_client, send_within
from tiktoktoe.kernel.money import Money

AMOUNT_MAX = Decimal(10) ** 13


@dataclass(frozen=True, slots=True)
class HttpTaxEngine:
    """The engine at an address."""

    url: str
    key: str
    timeout_seconds: float

    def tax(self, sale: Sale) -> Totals:
        """Ask about a sale.

        Raises:
            TaxEngineUnavailable: If no whole answer came, or it says that it cannot.
            TaxAnswerWrong: If the answer is not one to this sale.
        """
        headers = {"Authorization": f"Bearer {self.key}", "Idempotency-Key": sale.key}
        client = http_client(settings.TAX_ENGINE_TIMEOUT_SECONDS)
        try:
            reply = send_within(
                client,
                "POST",
                self.url,
                seconds=self.timeout_seconds,
                json=_asked(sale),
                headers=headers,
            )
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise TaxEngineUnavailable(f"no answer came: {type(error).__name__}") from error
        if not reply.is_success:
            raise TaxEngineUnavailable(f"it answered {reply.status}: {reply.text[:200]}")
        return checked(sale, _answered(sale, reply))


def tax_engine(*, within_seconds: float | None = None) -> TaxEngine | None:
    """The engine of the settings; None where our own table says it.

    It is waited for as the settings say, or shorter where somebody looks at a page meanwhile.
    """
    if not settings.TAX_ENGINE_URL:
        return None
    patience = float(settings.TAX_ENGINE_TIMEOUT_SECONDS)
    if within_seconds is not None:
        patience = min(patience, within_seconds)
    return HttpTaxEngine(settings.TAX_ENGINE_URL, settings.TAX_ENGINE_KEY, patience)


def _asked(sale: Sale) -> dict[str, Any]:
    payer = sale.payer
    return {
        "key": sale.key,
        "is_estimate": sale.is_estimate,
        "date": sale.on.isoformat(),
        "currency": sale.currency,
        "rounding": str(sale.rounding),
        "seller_country": sale.seller_country or settings.COMPANY["country"],
        "customer": {
            "country": payer.country,
            "region": payer.region,
            "city": payer.city,
            "postal_code": payer.postal_code,
            "tax_number": payer.tax_number,
            "is_exempt": payer.is_tax_exempt,
        },
        "lines": [
            {
                "amount": str(line.amount.amount),
                "category": line.category,
                "includes_tax": line.includes_tax,
            }
            for line in sale.lines
        ],
    }


def _answered(sale: Sale, reply: Reply) -> list[TaxedLine]:
    rows = reply.body.get("lines")
    if not isinstance(rows, list) or len(rows) != len(sale.lines):
        raise TaxAnswerWrong("it has not a line for each that was asked about")
    return [_line(line, row) for line, row in zip(sale.lines, rows, strict=True)]


def _line(line: SaleLine, row: Any) -> TaxedLine:
    currency = line.amount.currency
    try:
        taxes = row["taxes"]
        return TaxedLine(
            net=Money(_number(row["net"]), currency),
            taxes=tuple(Money(_number(tax["tax"]), currency) for tax in taxes),
            rates=tuple(_rate(tax) for tax in taxes),
        )
    except (KeyError, TypeError, ValueError, InvalidOperation) as error:
        raise TaxAnswerWrong(f"a line cannot be read: {error!r}"[:200]) from error


def _number(text: Any) -> Decimal:
    """An amount or a percentage, as a string.

    Raises:
        ValueError: If it has no end, or is of no size that money has.
    """
    number = Decimal(str(text))
    if not number.is_finite() or abs(number) >= AMOUNT_MAX or number.as_tuple().exponent < -10:  # type: ignore[operator]
        raise ValueError(f"{text!r} is no amount")
    return number


def _rate(tax: Any) -> TaxRate:
    return TaxRate(
        code=str(tax["code"])[:32],
        name=str(tax["name"])[:64],
        percentage=_number(tax["percentage"]),
        jurisdiction=str(tax.get("jurisdiction", ""))[:100],
        note=str(tax.get("note", ""))[:200],
    )
