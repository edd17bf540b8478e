"""Where tax is rounded: the company's rule, or a simulation's."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from django.conf import settings

from billing.domain.tax import TaxRounding

_rounding: ContextVar[TaxRounding | None] = ContextVar("tax_rounding", default=None)


def tax_rounding() -> TaxRounding:
    """Where tax is rounded: as the company's setting says."""
    return _rounding.get() or TaxRounding(settings.TAX_ROUNDING)


@contextmanager
def rounding_tax(rule: TaxRounding) -> Iterator[None]:
    """Let another rule than the company's count in this context: for a simulation."""
    token = _rounding.set(rule)
    try:
        yield
    finally:
        _rounding.reset(token)
