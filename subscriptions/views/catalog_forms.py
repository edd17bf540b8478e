"""A page with one form about the catalog."""

from collections.abc import Callable

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from subscriptions.errors import PriceInvalid


def form_page(
    request: HttpRequest,
    form: forms.Form,
    make: Callable[[], HttpResponse],
    *,
    title: str,
    button: str,
) -> HttpResponse:
    """A form; what the service refuses is said at its field."""
    if request.method == "POST" and form.is_valid():
        try:
            return make()
        except PriceInvalid as refusal:
            field = (refusal.field or "").rpartition(".")[2]
            form.add_error(field if field in form.fields else None, refusal.message)
    context = {"form": form, "title": title, "button": button}
    return render(request, "subscriptions/catalog_form.html", context)
