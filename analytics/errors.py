"""What analytics refuses."""

from tiktoktoe.kernel.errors import InvalidInput, InvariantViolation


class RangeInvalid(InvalidInput):
    """A report's range of days cannot be used."""


class MovementsDisagree(InvariantViolation):
    """Opening MRR and its movements do not add up to closing MRR."""
