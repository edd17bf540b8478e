"""Why customers leave, in words that they choose from."""

REASONS = {
    "too_expensive": "It is too expensive",
    "missing_features": "Something is missing",
    "another_service": "We use another service",
    "not_needed": "We do not need it any more",
    "problems": "There were problems",
    "other": "Something else",
}


def counts_for(reason: str, *, plan_id: int, reasons: list[str], plan_ids: set[int]) -> bool:
    """Whether an offer is for somebody who leaves a plan for a reason; empty: for any."""
    is_reason = not reasons or reason in reasons
    return is_reason and (not plan_ids or plan_id in plan_ids)
