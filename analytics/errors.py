"""What analytics refuses."""

from tiktoktoe.kernel.errors import InvariantViolation


class MovementsDisagree(InvariantViolation):
    """Opening MRR and its movements do not add up to closing MRR."""
