"""What a tax engine of somebody else answers."""

import json
from decimal import Decimal

D = Decimal


def sales_tax(body: bytes) -> bytes:
    """8.25 %, on the price or in it, as a state and a city charge it."""
    lines = []
    for line in json.loads(body)["lines"]:
        amount = D(line["amount"])
        tax = (amount * D("8.25") / (D("108.25") if line["includes_tax"] else 100)).quantize(
            D(".01")
        )
        state = (tax * D("6.25") / D("8.25")).quantize(D(".01"))
        net = amount - tax if line["includes_tax"] else amount
        lines.append(
            {
                "net": str(net),
                "taxes": [
                    {"code": "tx", "name": "Texas", "percentage": "6.25", "tax": str(state)},
                    {"code": "austin", "name": "City", "percentage": "2", "tax": str(tax - state)},
                ],
            }
        )
    return json.dumps({"lines": lines}).encode()
