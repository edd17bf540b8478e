"""The staff page on which stored methods, coupons, credits and add-ons move in."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from billing.domain.belongings import FIELDS, BelongingKind
from billing.services.moving_in import move_belongings_in
from subscriptions.forms.moving_in import MovingInForm
from subscriptions.services.moving_in import MovedIn
from subscriptions.services.transitions import Actor
from tiktoktoe.accounts.models import User
from tiktoktoe.accounts.roles import Permission
from tiktoktoe.kernel.clock import now
from tiktoktoe.kernel.errors import InvalidInput
from tiktoktoe.web.access import requires

ERRORS_SHOWN = 200


@require_http_methods(["GET", "POST"])
@requires(Permission.CHANGE_BILLING)
def belongings(request: HttpRequest) -> HttpResponse:
    """Check a file, or take it in; a file with an error is not taken in at all."""
    is_asked = request.method == "POST"
    kinds = list(BelongingKind)
    form = (
        MovingInForm(request.POST, request.FILES, kinds=kinds)
        if is_asked
        else MovingInForm(kinds=kinds)
    )
    done = _done(request, form) if is_asked and form.is_valid() else None
    context = {
        "form": form,
        "done": done,
        "errors": done.errors[:ERRORS_SHOWN] if done else (),
        "fields": [
            (kind, [(name, field.otherwise is ..., field.says) for name, field in fields.items()])
            for kind, fields in FIELDS.items()
        ],
        "are_belongings": True,
    }
    return render(request, "subscriptions/moving_in.html", context)


def _done(request: HttpRequest, form: MovingInForm) -> MovedIn | None:
    assert isinstance(request.user, User)
    given = form.cleaned_data
    try:
        return move_belongings_in(
            kind=BelongingKind(given["kind"]),
            text=given["file"],
            mapping=given["mapping"],
            actor=Actor(source="finance", user=request.user),
            at=now(),
            is_dry_run="write" not in request.POST,
        )
    except InvalidInput as refusal:
        form.add_error(refusal.field if refusal.field in form.fields else "file", str(refusal))
        return None
