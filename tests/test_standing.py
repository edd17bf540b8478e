"""Standing queries ask PostgreSQL what Django's own would for any values, and give the rows."""

import importlib
import pkgutil
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, transaction
from django.db.models import QuerySet
from django.test.utils import CaptureQueriesContext

import analytics
import billing
import finance
import subscriptions
from billing.models import Invoice, PaymentAttempt
from billing.queries.planned_prices import planned_versions
from billing.queries.timeline import PER_PAGE, SOURCES, latest
from billing.services.announcements import notices, webhook_deliveries
from billing.services.changes import dated_work, planned_work, price_moves
from billing.services.invoices import due
from billing.services.payments.collection import _first_due
from finance.queries.unposted import DOCUMENT_KINDS, _first_waiting
from subscriptions.models import Customer
from subscriptions.services.customer_clocks import create_clock
from subscriptions.services.meters import _clashing
from tests.factories.billing import open_invoice
from tests.factories.subscriptions import make_customer
from tests.stripe_world import NOW
from tiktoktoe import accounts, simulator
from tiktoktoe.standing import KNOWN, StandingQuery, marks_of, standing


def all_there_are() -> list[StandingQuery[..., Any, Any]]:
    """Those of every module, and those made when first asked for."""
    for app in (accounts, subscriptions, billing, finance, analytics, simulator):
        for found in pkgutil.walk_packages(app.__path__, f"{app.__name__}."):
            if ".migrations" not in found.name:
                importlib.import_module(found.name)
    for source in SOURCES:
        latest(source, PER_PAGE)
    for document in DOCUMENT_KINDS:
        _first_waiting(document)
    for is_rest in (True, False):
        _first_due(40, is_rest=is_rest)
    due._first_due(40)
    for of_limit in (
        dated_work._first_ready,
        notices._first_due,
        planned_work._first_ready,
        price_moves._first_due,
        price_moves._first_undone,
        webhook_deliveries._first_due,
    ):
        of_limit(40)
    for planned in (planned_versions, None):
        _clashing(planned)
    return [known for known in KNOWN if not known.build.__module__.startswith("tests.")]


def in_all_ways() -> Iterator[tuple[StandingQuery[..., Any, Any], dict[str, Any]]]:
    """Each with values for its arguments, and without for those that may be None."""
    for known in all_there_are():
        yield known, marks_of(known.build, 9)
        for name in known.may_be_none:
            yield known, marks_of(known.build, 9, [name])


@pytest.mark.django_db
def test_each_asks_what_django_would_of_itself() -> None:
    for known, values in in_all_ways():
        of_django = known.build(**values)

        with transaction.atomic():
            sql, params = known.sql(**values)
            expected = of_django.query.get_compiler("default").as_sql()

        assert (sql, [*params]) == (expected[0], [*expected[1]]), known.build.__qualname__
        assert [type(given) for given in params] == [type(given) for given in expected[1]]


@pytest.mark.django_db
def test_each_gives_its_rows() -> None:
    with transaction.atomic():
        for known, values in in_all_ways():
            assert isinstance(known.rows(**values), list)


@standing
def invoices_of(customers: list[int], state: str) -> "QuerySet[Invoice]":
    """With what hangs on them, locked."""
    mine = Invoice.objects.filter(customer__any_of=customers, state=state).order_by("-number")
    return mine.select_related("customer", "subscription__plan_version").select_for_update(
        of=("self",)
    )


@pytest.mark.django_db
def test_rows_are_whole_and_come_with_what_hangs_on_them() -> None:
    invoices = [open_invoice() for _ in range(3)]
    mine = [invoice.customer_id for invoice in invoices[:2]]

    with CaptureQueriesContext(connection) as asked:
        found = invoices_of.rows(customers=mine, state="open")
        customers = [invoice.customer for invoice in found]
        assert all(invoice.subscription.plan_version.currency for invoice in found)  # type: ignore[union-attr]

    assert found == invoices[1::-1]
    assert customers == [invoice.customer for invoice in found]
    assert len(asked) == 1
    fresh = Invoice.objects.get(pk=invoices[0].pk)
    assert {name: getattr(found[-1], name) for name in _fields()} == {
        name: getattr(fresh, name) for name in _fields()
    }
    assert invoices_of.rows(customers=[], state="open") == []
    assert invoices_of.first(customers=mine, state="paid") is None


def _fields() -> list[str]:
    return [field.attname for field in Invoice._meta.concrete_fields]


@standing
def named(external_id: str) -> "QuerySet[Customer]":
    """By its name elsewhere."""
    return Customer.objects.filter(external_id__startswith=external_id)


@standing
def called(name: str) -> "QuerySet[Customer, int]":
    """By its own name."""
    return Customer.objects.filter(name=name).values_list("pk", flat=True)


@pytest.mark.django_db
def test_one_row_is_asked_for_as_of_django() -> None:
    one, other, again = (make_customer(name=name) for name in ("One", "Two", "Two"))

    assert called.get(name="One") == one.pk
    assert {*called.rows(name="Two")} == {other.pk, again.pk}
    with pytest.raises(Customer.DoesNotExist):
        called.get(name="Nobody")
    with pytest.raises(Customer.MultipleObjectsReturned):
        called.get(name="Two")


def test_what_is_more_than_a_value_is_refused() -> None:
    with pytest.raises(TypeError, match="what is made of an argument"):
        named.sql(external_id="cus_1")
    with pytest.raises(TypeError, match="no place for None"):
        called.rows(name=None)  # type: ignore[arg-type]


def test_an_argument_by_which_the_sql_differs_is_refused() -> None:
    @standing
    def newest(count: int) -> "QuerySet[Invoice]":
        return Invoice.objects.all()[:count]

    @standing
    def before(at: datetime) -> "QuerySet[Invoice]":
        return Invoice.objects.filter(created_at__lte=at - timedelta(days=1))

    @standing
    def forgetful(at: datetime, pk: UUID) -> "QuerySet[Invoice]":
        del pk
        return Invoice.objects.filter(created_at__lte=at)

    with pytest.raises(TypeError, match="the SQL differs"):
        newest.sql(count=3)
    with pytest.raises(TypeError, match="what is made of an argument"):
        before.sql(at=NOW)
    with pytest.raises(TypeError, match=r"\['pk'\] is in no place"):
        forgetful.sql(at=NOW, pk=UUID(int=3))


@standing
def locked(pk: UUID) -> "QuerySet[PaymentAttempt]":
    """An attempt, until the transaction ends."""
    return PaymentAttempt.objects.select_for_update().filter(pk=pk).order_by()


@pytest.mark.django_db(transaction=True)
def test_rows_are_locked_only_in_a_transaction() -> None:
    with transaction.atomic():
        assert locked.rows(pk=UUID(int=1)) == []
    with pytest.raises(transaction.TransactionManagementError):
        locked.rows(pk=UUID(int=1))


@standing
def lives_by(clock: int | None) -> "QuerySet[Customer]":
    """Whose time a clock shows."""
    return Customer.objects.filter(clock=clock)


@pytest.mark.django_db
def test_none_is_what_is_null_where_an_argument_says_so() -> None:
    clock = create_clock(code="mine", starts_at=NOW, at=NOW)
    timed, real = make_customer(clock=clock), make_customer()

    assert lives_by.rows(clock=clock.pk) == [timed]
    assert lives_by.rows(clock=None) == [real]
    assert lives_by.rows(clock=clock.pk) == [timed]
