"""What the books refuse."""

from tiktoktoe.kernel.errors import Conflict, InvalidInput, InvariantViolation


class UnbalancedEntry(InvariantViolation):
    """An entry's debits and credits differ in a currency."""


class EmptyEntry(InvariantViolation):
    """An entry moves nothing."""


class UnknownAccount(InvariantViolation):
    """A posting names an account that is not in the chart."""


class DocumentInconsistent(InvariantViolation):
    """A document's amounts do not add up, so it cannot be posted."""


class EntryReused(Conflict):
    """The key has been posted with another body."""


class EntryAlreadyReversed(Conflict):
    """An entry is reversed once."""


class PeriodClosed(Conflict):
    """The month is closed; post into an open one."""


class ScheduleInvalid(InvalidInput):
    """Revenue cannot be spread like this."""
