"""Log lines that carry the facts given as `extra`."""

import logging

STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class FactsFormatter(logging.Formatter):
    """A line of text, followed by name=value for each fact of the record."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """The line with its facts."""
        facts = [f"{n}={v}" for n, v in vars(record).items() if n not in STANDARD]
        return " ".join([super().formatMessage(record), *facts])
