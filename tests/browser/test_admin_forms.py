"""Every form of our own tables in the admin: accessible, and true to the policy."""

from collections.abc import Iterator
from itertools import cycle
from typing import Any

import pytest
from django.contrib import admin
from django.db.models import Model
from django.test import RequestFactory
from django.urls import reverse

from billing.models import Payment, PaymentMethod
from finance.models import NothingToPost
from finance.services.posting import post_documents
from subscriptions.models import EventSource, RejectedEvent, Subscription
from tests.browser.reader import DESKTOP, THEMES, Reader, look
from tests.browser.test_billing_pages import FEB_1, billed  # noqa: F401 - a fixture
from tests.factories.accounts import make_user
from tests.factories.subscriptions import JAN_1, make_member, published_version, recurring
from tiktoktoe.accounts.models import User
from tiktoktoe.kernel.ids import uuid7

# The menu of all tables beside each form is read with the index, in test_admin.py.
WITHOUT_MENU = "() => document.getElementById('nav-sidebar').remove()"
OUR_APPS = frozenset({"accounts", "subscriptions", "billing", "finance", "analytics"})


@pytest.fixture
def superuser(billed: Subscription) -> User:  # noqa: F811
    """Somebody who may open every form, and a row of each of our tables to open."""
    customer = billed.customer
    published_version(recurring("9.00"))
    make_member(customer)
    PaymentMethod.objects.create(
        customer=customer, gateway="stripe", gateway_reference="pm_1", kind="card", last4="4242"
    )
    invoice = customer.invoices.earliest("finalized_at")
    Payment.objects.create(
        id=uuid7(),
        customer=customer,
        invoice=invoice,
        currency="EUR",
        amount="9.00",
        state="failed",
        purpose="off_session",
        idempotency_key="p",
    )
    RejectedEvent.objects.create(
        source=EventSource.objects.earliest("pk"),
        event_id="e",
        field="quantity",
        code="invalid",
        reason="is negative",
        received_at=JAN_1,
    )
    NothingToPost.objects.create(kind="invoice_finalized", source_type="invoice", source_id=uuid7())
    post_documents(at=FEB_1)
    return make_user(is_superuser=True)


def pages(superuser: User) -> Iterator[str]:
    """The empty form and a filled one of each of our tables."""
    request = RequestFactory().get("/admin/")
    request.user = superuser
    for model, found in admin.site._registry.items():
        if model._meta.app_label not in OUR_APPS:
            continue
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        if found.has_add_permission(request):
            yield reverse(f"{name}_add")
        row: Model | None = found.get_queryset(request).first()
        if row is not None:
            yield reverse(f"{name}_change", args=[row.pk])
        if row is not None and found.has_delete_permission(request, row):
            yield reverse(f"{name}_delete", args=[row.pk])


def test_every_form_of_the_admin_is_accessible(reader: Reader, superuser: User) -> None:
    reader.sign_in(superuser)
    reader.page.set_viewport_size(DESKTOP)  # type: ignore[arg-type]
    found: list[Any] = []
    paths = list(pages(superuser))

    # Each is opened in the theme in which the one before was left: a change draws it all anew.
    for path, (theme, other) in zip(paths, cycle((THEMES, THEMES[::-1])), strict=False):
        reader.open(path)
        reader.page.evaluate(WITHOUT_MENU)
        seen = look(reader.page)
        found += [f"{path} ({theme}): {fault}" for fault in [*seen.stopped, *seen.faults]]
        reader.page.emulate_media(color_scheme=other)
        found += [f"{path} ({other}): {fault}" for fault in look(reader.page, "colours").faults]
        found += [f"{path}: {fault}" for fault in reader.complaints]
        reader.complaints.clear()

    assert not found, "\n".join(found)
    assert sum(path.endswith("/add/") for path in paths) >= 8
    assert sum(path.endswith("/change/") for path in paths) >= 20
