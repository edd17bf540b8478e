import re
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from subscriptions.models import Customer, EventSource, RejectedEvent
from subscriptions.services.event_sources import source_of_key
from subscriptions.services.rollups import fold_deltas
from tests.factories.accounts import make_user
from tests.factories.subscriptions import make_customer, make_member, make_meter
from tests.factories.usage import make_source, use
from tiktoktoe.accounts.roles import Role
from tiktoktoe.kernel import clock

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


@pytest.fixture
def acme() -> Customer:
    make_meter()
    customer = make_customer(name="Acme")
    use(customer, 3, NOON - timedelta(days=1))
    fold_deltas()
    use(customer, 1200, NOON)
    use(make_customer(name="Beta"), 7, NOON)
    return customer


def signed_in(role: Role = Role.FINANCE) -> Client:
    client = Client()
    client.force_login(make_user(role))
    return client


def read(path: str, client: Client | None = None) -> str:
    with clock.moved_to(NOON):
        answer = (client or signed_in()).get(path)
    assert answer.status_code == 200, answer.status_code
    return " ".join(re.sub(r"<[^>]*>", " ", answer.content.decode()).split())


def test_the_explorer_adds_up_all_customers_by_day(acme: Customer) -> None:
    text = read("/usage/")

    assert "API calls 1,210 call" in text
    assert "10 Mar 2026 1,207 2 1,200" in text
    assert "9 Mar 2026 3 1 3" in text
    assert "Acme 1,203 2 Beta 7 1" in text


def test_the_explorer_shows_one_customer(acme: Customer) -> None:
    text = read(f"/usage/?customer={acme.pk}&meter=api_calls&start=2026-03-10&end=2026-03-10")

    assert "API calls 1,200 call" in text
    assert "Beta" not in text


def test_a_day_leads_to_its_events(acme: Customer) -> None:
    query = f"?customer={acme.pk}&meter=api_calls&start=2026-03-10&end=2026-03-10"
    link = f"/usage/events/{query}"

    page = signed_in().get(f"/usage/{query}").content.decode()
    assert link.replace("&", "&amp;") in page
    text = read(link)

    assert "Quantity 1,200 call" in text
    assert "event-" in text


def test_events_come_in_pages(acme: Customer) -> None:
    for number in range(101):
        use(acme, 1, NOON - timedelta(minutes=number), event_id=f"many {number}")
    client = signed_in()
    path = f"/usage/events/?customer={acme.pk}&meter=api_calls&start=2026-03-10"

    first = client.get(path)
    following = re.search(r'rel="next" href="([^"]+)"', first.content.decode())

    assert first.content.decode().count('scope="row"') == 100
    assert following is not None
    second = client.get("/usage/events/" + following[1].replace("&amp;", "&"))
    assert second.content.decode().count('scope="row"') == 2
    assert 'rel="next"' not in second.content.decode()


@pytest.mark.parametrize(
    "query",
    [
        "",
        "customer=1&meter=api_calls&start=2026-03-10",
        "customer={pk}&meter=nothing&start=2026-03-10",
        "customer={pk}&meter=api_calls&start=2026-02-30",
        "customer={pk}&meter=api_calls&start=9999-12-31",
        "customer={pk}&meter=api_calls&start=2026-03-10&after=soon",
        "customer={pk}&meter=api_calls&start=2026-03-10&after=2026-03-10T10:00:00Z%20%00",
        "customer=x&meter=api_calls&start=2026-03-10",
    ],
)
def test_a_link_that_leads_nowhere_is_not_found(acme: Customer, query: str) -> None:
    found = signed_in().get("/usage/events/?" + query.replace("{pk}", str(acme.pk)))

    assert found.status_code == 404


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("start=2026-03-11&end=2026-03-10", "The last day is before the first."),
        ("start=2020-01-01&end=2026-03-10", "Choose at most 400 days."),
        ("start=never", "Enter a valid date."),
        ("end=0001-01-01", "look at the marked fields"),
        ("meter=nothing", "Select a valid choice."),
        ("customer=999999999", "look at the marked fields"),
    ],
)
def test_a_question_that_makes_no_sense_is_answered_in_words(
    acme: Customer, query: str, sentence: str
) -> None:
    assert sentence in read(f"/usage/?{query}")


def test_no_meter_yet_is_said() -> None:
    assert "Nothing is metered yet" in read("/usage/")


def test_rejected_events_are_listed_by_reason(acme: Customer) -> None:
    use(acme, -1, NOON, event_id="below")
    use(acme, 1, NOON - timedelta(days=40), event_id="old", received_at=NOON)

    everything, late = read("/usage/rejected/"), read("/usage/rejected/?state=too_late")

    assert "below" in everything
    assert "is negative" in everything
    assert "old" in late
    assert "below" not in late
    assert RejectedEvent.objects.count() == 2


def test_the_key_of_a_new_source_is_shown_once() -> None:
    client = signed_in()

    made = client.post("/usage/sources/", {"name": "gateway"})
    (key,) = re.findall(r"ttt_[\w-]{30,}", made.content.decode())

    assert source_of_key(key) == EventSource.objects.get(name="gateway")
    assert "no-store" in made.headers["Cache-Control"]
    assert key not in client.get("/usage/sources/").content.decode()


def test_a_name_can_be_taken_once() -> None:
    source = make_source()

    answer = signed_in().post("/usage/sources/", {"name": source.name})

    assert "is taken" in answer.content.decode()
    assert EventSource.objects.count() == 1


def test_a_key_is_revoked() -> None:
    source = make_source()

    signed_in().post(f"/usage/sources/{source.pk}/revocation/")

    source.refresh_from_db()
    assert source.revoked_at is not None


def test_support_reads_usage_but_makes_no_keys(acme: Customer) -> None:
    support, source = signed_in(Role.SUPPORT), make_source()

    assert "Event sources" not in read("/usage/", support)
    assert support.get("/usage/sources/").status_code == 403
    assert support.post("/usage/sources/", {"name": "mine"}).status_code == 403
    assert support.post(f"/usage/sources/{source.pk}/revocation/").status_code == 403
    assert not EventSource.objects.filter(revoked_at__isnull=False).exists()


def test_customers_and_strangers_read_none(acme: Customer) -> None:
    customer = Client()
    customer.force_login(make_member().user)

    for path in ("/usage/", "/usage/events/", "/usage/rejected/", "/usage/sources/"):
        assert customer.get(path).status_code == 403, path
        assert Client().get(path).status_code == 302, path


def test_the_number_of_queries_does_not_grow_with_the_rows(acme: Customer) -> None:
    def queries() -> int:
        client = signed_in()
        with clock.moved_to(NOON), CaptureQueriesContext(connection) as captured:
            assert client.get("/usage/").status_code == 200
        return len(captured)

    before = queries()
    for number in range(5):
        use(make_customer(), number, NOON - timedelta(days=number))

    assert queries() == before


def test_every_day_of_the_span_has_a_bar(acme: Customer) -> None:
    with clock.moved_to(NOON):
        answer = signed_in().get("/usage/?start=2026-03-07&end=2026-03-11")

    (bars,) = answer.context["figure"]["data"]
    assert bars["x"] == [(date(2026, 3, 7) + timedelta(days=n)).isoformat() for n in range(5)]
    assert bars["y"] == [0, 0, 3, 1207, 0]
