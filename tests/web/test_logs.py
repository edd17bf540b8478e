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


def test_an_address_to_pay_by_is_not_written_down() -> None:
    token = "a" * 20 + "-_" + "B" * 21
    record = logging.makeLogRecord({"msg": f"Not Found: /pay/{token}/payment/", "request": token})
    record.request = f"<GET '/pay/{token}/'>"

    line = FactsFormatter("%(message)s").format(record)

    assert token not in line
    assert line == "Not Found: /pay/…/payment/ request=<GET '/pay/…/'>"
