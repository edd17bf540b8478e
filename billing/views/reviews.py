"""The review queue: payments held back by risk rules, and two safe actions."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from billing.models import PaymentReview
from billing.services.payments.reviews import decide_review
from subscriptions.services.transitions import Actor
from tiktoktoe.accounts.models import User
from tiktoktoe.accounts.roles import Permission
from tiktoktoe.kernel.clock import now
from tiktoktoe.kernel.errors import Conflict
from tiktoktoe.web.access import requires
from tiktoktoe.web.pagination import paginate


@require_GET
@requires(Permission.VIEW_BILLING)
def review_list(request: HttpRequest) -> HttpResponse:
    """What waits for a person, the oldest first, then what was decided."""
    reviews = PaymentReview.objects.select_related(
        "payment__customer", "payment__invoice", "decided_by"
    )
    context = {
        "page": paginate(request, reviews.filter(state="open")),
        "decided": reviews.exclude(state="open").order_by("-decided_at")[:20],
    }
    return render(request, "billing/review_list.html", context)


@require_POST
@requires(Permission.CHANGE_BILLING)
def review_approval(request: HttpRequest, review_id: int) -> HttpResponse:
    """Let the payment go."""
    return _decide(request, review_id, approve=True)


@require_POST
@requires(Permission.CHANGE_BILLING)
def review_refusal(request: HttpRequest, review_id: int) -> HttpResponse:
    """Give the payment up."""
    return _decide(request, review_id, approve=False)


def _decide(request: HttpRequest, review_id: int, *, approve: bool) -> HttpResponse:
    review = get_object_or_404(PaymentReview, pk=review_id)
    assert isinstance(request.user, User)
    actor = Actor(source="finance", user=request.user)
    reason = request.POST.get("reason", "")
    try:
        decide_review(review=review, approve=approve, reason=reason, actor=actor, at=now())
    except Conflict as refusal:
        messages.error(request, f"Nothing was changed: {refusal}.")
    else:
        messages.success(request, review.approving_means if approve else "It is given up.")
    return redirect("review_list")
