"""The staff page on which customers and subscriptions of another engine are taken in."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from subscriptions.domain.moving_in import FIELDS, FileKind
from subscriptions.forms.moving_in import MovingInForm
from subscriptions.services.moving_in import MovedIn, move_in
from subscriptions.services.transitions import Actor
from tiktoktoe.accounts.models import User
from tiktoktoe.accounts.roles import Permission
from tiktoktoe.kernel.clock import now
from tiktoktoe.kernel.errors import InvalidInput
from tiktoktoe.web.access import requires

ERRORS_SHOWN = 200


@require_http_methods(["GET", "POST"])
@requires(Permission.CHANGE_BILLING)
def moving_in(request: HttpRequest) -> HttpResponse:
    """Check a file, or take it in; a file with an error is not taken in at all."""
    is_asked = request.method == "POST"
    form = MovingInForm(request.POST, request.FILES) if is_asked else MovingInForm()
    done = None
    if is_asked and form.is_valid():
        done = _done(request, form)
    context = {
        "form": form,
        "done": done,
        "errors": done.errors[:ERRORS_SHOWN] if done else (),
        "fields": [
            (kind, [(name, field.otherwise is ..., field.says) for name, field in fields.items()])
            for kind, fields in FIELDS.items()
        ],
    }
    return render(request, "subscriptions/moving_in.html", context)


def _done(request: HttpRequest, form: MovingInForm) -> MovedIn | None:
    assert isinstance(request.user, User)
    given = form.cleaned_data
    try:
        return move_in(
            kind=FileKind(given["kind"]),
            text=given["file"],
            mapping=given["mapping"],
            actor=Actor(source="finance", user=request.user),
            at=now(),
            is_dry_run="write" not in request.POST,
        )
    except InvalidInput as refusal:
        form.add_error(refusal.field if refusal.field in form.fields else "file", str(refusal))
        return None
