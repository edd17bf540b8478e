"""Staff pages of moving subscribers to other prices: shown first, then followed, taken back."""

from django.contrib import messages
from django.db.models import Count, Q, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from billing.errors import PriceMoveInvalid
from billing.forms.price_moves import PriceMoveForm
from billing.models import PriceMove
from billing.queries.price_moves import told_at
from billing.services.changes.price_move_previews import MovePreview, preview_price_move
from billing.services.changes.price_moves import start_price_move, undo_price_move
from billing.tasks import move_prices
from tiktoktoe.accounts.models import User
from tiktoktoe.accounts.roles import Permission
from tiktoktoe.kernel.clock import now
from tiktoktoe.kernel.errors import Conflict
from tiktoktoe.web.access import requires
from tiktoktoe.web.pagination import paginate

ROWS_SHOWN = 200


@require_GET
@requires(Permission.VIEW_BILLING)
def price_move_list(request: HttpRequest) -> HttpResponse:
    """Moves, the newest first."""
    moves = PriceMove.objects.select_related("from_version__plan", "to_version__plan").annotate(
        row_count=Count("rows"), open_count=Count("rows", filter=Q(rows__state="waiting"))
    )
    return render(request, "billing/price_move_list.html", {"page": paginate(request, moves)})


@require_http_methods(["GET", "POST"])
@requires(Permission.CHANGE_BILLING)
def price_move_create(request: HttpRequest) -> HttpResponse:
    """Choose whom to move; GET shows what it does to each, POST does it."""
    is_asked = "from_version" in request.GET
    form = PriceMoveForm(request.POST or (request.GET if is_asked else None))
    preview = None
    if form.is_bound and form.is_valid():
        preview = _preview(form)
        if request.method == "POST" and preview is not None and not form.errors:
            move = _start(request, form)
            if move is not None:
                return redirect("price_move", move.pk)
    context = {
        "form": form,
        "preview": preview,
        "moved": preview.moved[:ROWS_SHOWN] if preview else (),
        "refused": preview.refused[:ROWS_SHOWN] if preview else (),
        "may_start": bool(preview and preview.moved and not form.errors),
    }
    return render(request, "billing/price_move_form.html", context)


@require_GET
@requires(Permission.VIEW_BILLING)
def price_move(request: HttpRequest, move_id: int) -> HttpResponse:
    """How far a move has come; the page follows it while it runs."""
    move = get_object_or_404(
        PriceMove.objects.select_related("from_version__plan", "to_version__plan", "actor"),
        pk=move_id,
    )
    scheduled = Q(state="moved", change__state="scheduled")
    counts = move.rows.aggregate(
        all=Count("pk"),
        waiting=Count("pk", filter=Q(state="waiting")),
        moved=Count("pk", filter=Q(state="moved")),
        scheduled=Count("pk", filter=scheduled),
        refused=Count("pk", filter=Q(state="refused")),
        taken_back=Count("pk", filter=Q(state="taken_back")),
        before=Sum("fee_before", filter=Q(state__in=["waiting", "moved"])),
        after=Sum("fee_after", filter=Q(state__in=["waiting", "moved"])),
    )
    rows = move.rows.select_related("subscription__customer", "change")
    page = paginate(request, rows.order_by("state", "effective_at", "pk"))
    context = {
        "move": move,
        "counts": counts,
        "currency": move.from_version.currency,
        "done_count": counts["all"] - counts["waiting"],
        "is_running": bool(counts["waiting"]) and move.state == PriceMove.State.RUNNING,
        "may_undo": move.state != PriceMove.State.UNDONE
        and bool(counts["waiting"] or counts["scheduled"]),
        "page": page,
        "rows": told_at(page.object_list),
    }
    return render(request, "billing/price_move.html", context)


@require_POST
@requires(Permission.CHANGE_BILLING)
def price_move_undo(request: HttpRequest, move_id: int) -> HttpResponse:
    """Take back what has not taken effect."""
    move = get_object_or_404(PriceMove, pk=move_id)
    try:
        undo_price_move(move=move, at=now())
    except Conflict as refusal:
        messages.error(request, f"{refusal}.")
    else:
        move_prices.delay()
        messages.success(request, "What had not taken effect is taken back.")
    return redirect("price_move", move.pk)


def _preview(form: PriceMoveForm) -> MovePreview | None:
    """What it would do; that some would hear of it too late is said with it."""
    try:
        preview = preview_price_move(terms=form.terms(), at=now())
    except PriceMoveInvalid as refusal:
        _refused(form, refusal)
        return None
    if preview.short and not preview.terms.short_notice_reason:
        form.add_error(
            "notice_days",
            f"{len(preview.short)} of them would hear of it less than "
            f"{preview.terms.notice_days} days before. From {preview.first_day} on nobody "
            "would; or say below why the notice may be shorter.",
        )
    return preview


def _start(request: HttpRequest, form: PriceMoveForm) -> PriceMove | None:
    assert isinstance(request.user, User)
    try:
        move = start_price_move(terms=form.terms(), user=request.user, at=now())
    except PriceMoveInvalid as refusal:
        _refused(form, refusal)
        return None
    move_prices.delay()
    messages.success(request, "The workers are on it.")
    return move


def _refused(form: PriceMoveForm, refusal: PriceMoveInvalid) -> None:
    form.add_error(refusal.field if refusal.field in form.fields else None, str(refusal))
