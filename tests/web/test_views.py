"""Reports of what browsers refused."""

import json
import logging

import pytest
from django.test import Client


def test_a_report_is_written_down_without_the_query_of_the_page(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    report = {
        "csp-report": {
            "document-uri": "https://site.example/invoices/?secret=1",
            "effective-directive": "style-src-attr",
            "blocked-uri": "inline",
        }
    }

    with caplog.at_level(logging.WARNING, "tiktoktoe.web.views"):
        response = client.post(
            "/csp-reports/", json.dumps(report), content_type="application/csp-report"
        )

    assert response.status_code == 204
    [record] = caplog.records
    assert record.__dict__["csp_effective-directive"] == "style-src-attr"
    assert "secret" not in str(record.__dict__)


@pytest.mark.parametrize("body", ["", "[]", "{", '{"csp-report": 3}', "x" * 20_000, "[" * 16_000])
def test_nonsense_is_refused(client: Client, body: str) -> None:
    response = client.post("/csp-reports/", body, content_type="application/csp-report")

    assert response.status_code == 400
