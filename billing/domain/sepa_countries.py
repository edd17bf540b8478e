"""Where SEPA direct debits reach.

Source: EPC409-09, list of countries of the SEPA schemes' geographical scope, version 6.0 of
2025 (with Albania, Moldova, Montenegro, North Macedonia and Serbia, for transfers and debits of
the banks that have joined). A country is that of the IBAN.
"""

_CODES = (
    "AD AL AT BE BG CH CY CZ DE DK EE ES FI FR GB GI GR HR HU IE IS IT LI LT LU LV MC MD ME MK "
    "MT NL NO PL PT RO RS SE SI SK SM VA"
)
SEPA_COUNTRIES = frozenset(_CODES.split(" "))
