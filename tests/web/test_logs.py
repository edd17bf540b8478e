import logging

from tiktoktoe.web.logs import FactsFormatter


def test_a_line_carries_its_facts_and_nothing_else() -> None:
    record = logging.makeLogRecord(
        {
            "name": "billing",
            "levelname": "INFO",
            "msg": "invoice %s",
            "args": ("made",),
            "number": "INV-1",
        }
    )

    line = FactsFormatter("%(levelname)s %(name)s %(message)s").format(record)

    assert line == "INFO billing invoice made number=INV-1"
