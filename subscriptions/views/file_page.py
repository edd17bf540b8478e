"""The staff page of a CSV file that is checked, and then taken in."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from subscriptions.domain.moving_in import Fields
from subscriptions.forms.moving_in import MovingInForm
from subscriptions.services.moving_in.files import MovedIn
from subscriptions.services.transitions import Actor
from tiktoktoe.accounts.models import User
from tiktoktoe.kernel.clock import now
from tiktoktoe.kernel.errors import InvalidInput

ERRORS_SHOWN = 200


def file_page(
    request: HttpRequest,
    *,
    kinds: type[StrEnum],
    fields: Mapping[Any, Fields],
    take_in: Callable[..., MovedIn],
    shown: Mapping[str, object] | None = None,
) -> HttpResponse:
    """Check a file of one of these kinds, or take it in; one with an error is not taken in at all.

    Args:
        take_in: What checks and takes in; a dry run writes nothing.
        shown: What else the page is told.
    """
    given = (request.POST, request.FILES) if request.method == "POST" else ()
    form = MovingInForm(*given, kinds=kinds)
    done = _done(request, form, kinds, take_in) if form.is_bound and form.is_valid() else None
    form.fields["file"].required = True  # as the next one is
    context = {
        "form": form,
        "done": done,
        "carried": form.carried if done and not done.is_written else None,
        "shown_kind": form["kind"].value(),
        "errors": done.errors[:ERRORS_SHOWN] if done else (),
        "remarks": done.remarks[:ERRORS_SHOWN] if done else (),
        "sums": [(name, amount) for (name, _), amount in done.sums.items()] if done else (),
        "fields": [
            (kind, [(name, field.otherwise is ..., field.says) for name, field in known.items()])
            for kind, known in fields.items()
        ],
        **(shown or {}),
    }
    return render(request, "subscriptions/moving_in.html", context)


def _done(
    request: HttpRequest,
    form: MovingInForm,
    kinds: type[StrEnum],
    take_in: Callable[..., MovedIn],
) -> MovedIn | None:
    assert isinstance(request.user, User)
    given = form.cleaned_data
    try:
        return take_in(
            kind=kinds(given["kind"]),
            text=given["file"],
            mapping=given["mapping"],
            actor=Actor(source="finance", user=request.user),
            at=now(),
            is_dry_run="write" not in request.POST,
        )
    except InvalidInput as refusal:
        form.add_error(refusal.field if refusal.field in form.fields else "file", str(refusal))
        return None
