"""Log lines that carry the facts given as `extra`."""

import logging
import re

STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}

# Whoever has such an address may pay by it: it is no line's business.
SECRET_ADDRESS = re.compile(r"(/pay/)[\w-]{20,}")


class FactsFormatter(logging.Formatter):
    """A line of text, followed by name=value for each fact of the record."""

    def format(self, record: logging.LogRecord) -> str:
        """The whole of it, without secret addresses."""
        return SECRET_ADDRESS.sub(r"\1…", super().format(record))

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """The line with its facts."""
        facts = [f"{n}={v}" for n, v in vars(record).items() if n not in STANDARD]
        return " ".join([super().formatMessage(record), *facts])
