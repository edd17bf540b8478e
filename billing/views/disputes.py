"""The dispute desk: what waits for an answer, the evidence, and the two answers there are."""

from uuid import UUID

from django.contrib import messages
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from billing.forms.disputes import EvidenceForm
from billing.models import Dispute, DisputeAnswer
from billing.queries.disputes import ORDERS, dispute_desk, dispute_standing, disputed_sums
from billing.queries.payments import payment_history
from billing.services.disputes.answers import answer_dispute, draft_answer, edit_answer
from billing.services.disputes.records import look_at_dispute
from billing.services.documents.pdf import evidence_pdf
from subscriptions.services.transitions import Actor
from tiktoktoe.accounts.models import User
from tiktoktoe.accounts.roles import Permission
from tiktoktoe.kernel.clock import now
from tiktoktoe.kernel.errors import Conflict, GatewayError
from tiktoktoe.web.access import requires
from tiktoktoe.web.chips import state_chips
from tiktoktoe.web.pagination import paginate


@require_GET
@requires(Permission.VIEW_BILLING)
def dispute_list(request: HttpRequest) -> HttpResponse:
    """Disputes by deadline, amount or day, in a state or in all."""
    state, order = request.GET.get("state", ""), request.GET.get("order", "")
    state = state if state in Dispute.State.values else ""
    order = order if order in ORDERS else "deadline"
    counts = dict(Dispute.objects.order_by().values_list("state").annotate(n=Count("pk")))
    context = {
        "page": paginate(request, dispute_desk(state=state, order=order)),
        "state": state,
        "order": order,
        "orders": list(ORDERS),
        "choices": state_chips(Dispute.State, counts),
        "total_count": sum(counts.values()),
        "standing": dispute_standing(at=now()),
        "sums": disputed_sums(),
    }
    return render(request, "billing/dispute_list.html", context)


@require_GET
@requires(Permission.VIEW_BILLING)
def dispute_detail(request: HttpRequest, dispute_id: UUID) -> HttpResponse:
    """One dispute: its money, its deadline, our evidence, and what happened."""
    return _detail(request, _find(dispute_id))


@require_POST
@requires(Permission.CHANGE_BILLING)
def dispute_draft(request: HttpRequest, dispute_id: UUID) -> HttpResponse:
    """Gather the evidence of the round that is on."""
    dispute = _find(dispute_id)
    if draft_answer(dispute=dispute, at=now()) is None:
        messages.info(request, "The bank does not wait for an answer.")
    return redirect("dispute_detail", dispute.pk)


@require_POST
@requires(Permission.CHANGE_BILLING)
def dispute_evidence(request: HttpRequest, dispute_id: UUID) -> HttpResponse:
    """Correct what the evidence says, before it is sent."""
    dispute = _find(dispute_id)
    answer = get_object_or_404(dispute.answers.filter(state="draft"))
    form = EvidenceForm(request.POST, answer=answer)
    if not form.is_valid():
        return _detail(request, dispute, form=form, status=422)
    try:
        edit_answer(answer=answer, texts=form.cleaned_data)
    except Conflict as refusal:
        messages.error(request, f"Nothing was changed: {refusal}.")
    else:
        messages.success(request, "The evidence is saved; it is not sent yet.")
    return redirect("dispute_detail", dispute.pk)


@require_POST
@requires(Permission.CHANGE_BILLING)
def dispute_submission(request: HttpRequest, dispute_id: UUID) -> HttpResponse:
    """Hand the evidence in."""
    return _answer(request, dispute_id, DisputeAnswer.Kind.EVIDENCE)


@require_POST
@requires(Permission.REFUND)
def dispute_acceptance(request: HttpRequest, dispute_id: UUID) -> HttpResponse:
    """Give the dispute up: the customer keeps the money."""
    return _answer(request, dispute_id, DisputeAnswer.Kind.ACCEPTANCE)


@require_POST
@requires(Permission.CHANGE_BILLING)
def dispute_look(request: HttpRequest, dispute_id: UUID) -> HttpResponse:
    """Ask the gateway now."""
    dispute, actor = _find(dispute_id), _actor(request)
    reference, gateway = dispute.gateway_reference, dispute.gateway
    try:
        seen = look_at_dispute(reference=reference, actor=actor, at=now(), gateway=gateway)
    except (Conflict, GatewayError) as refusal:
        messages.error(request, f"The gateway could not be asked: {refusal}.")
    else:
        is_told = seen != "nothing to do"
        told = f"The gateway says: {seen.replace('_', ' ')}."
        messages.info(request, told if is_told else "This gateway tells by its events only.")
    return redirect("dispute_detail", dispute.pk)


@require_GET
@requires(Permission.VIEW_BILLING)
def dispute_document(request: HttpRequest, dispute_id: UUID, round_number: int) -> HttpResponse:
    """The pack as PDF: as it was sent, or as it would be."""
    del request
    answers = DisputeAnswer.objects.select_related("dispute__payment__invoice", "dispute__attempt")
    answer = get_object_or_404(answers, dispute=dispute_id, round=round_number)
    content = bytes(answer.document) if answer.document else evidence_pdf(answer=answer, at=now())
    name = f"evidence-{answer.dispute.payment.invoice}-{answer.round}.pdf"
    return HttpResponse(
        content,
        content_type="application/pdf",
        headers={"Content-Disposition": f'inline; filename="{name}"'},
    )


def _answer(request: HttpRequest, dispute_id: UUID, kind: DisputeAnswer.Kind) -> HttpResponse:
    dispute = _find(dispute_id)
    try:
        answer = answer_dispute(dispute=dispute, kind=kind, actor=_actor(request), at=now())
    except (Conflict, GatewayError) as refusal:
        messages.error(request, f"Nothing was sent: {refusal}.")
        return redirect("dispute_detail", dispute.pk)
    if answer.state == DisputeAnswer.State.SUBMITTED:
        messages.success(request, "The bank has it.")
    elif answer.state == DisputeAnswer.State.DRAFT:
        messages.error(request, f"It was not taken: {answer.message or 'try again'}.")
    else:
        messages.warning(
            request, "Whether the bank has it is not known yet; it is asked by itself."
        )
    return redirect("dispute_detail", dispute.pk)


def _detail(
    request: HttpRequest, dispute: Dispute, *, form: EvidenceForm | None = None, status: int = 200
) -> HttpResponse:
    answers = list(dispute.answers.order_by("-round"))
    current = answers[0] if answers and answers[0].state != "submitted" else None
    is_draft = current is not None and current.state == "draft"
    if form is None and current is not None and is_draft:
        form = EvidenceForm(answer=current)
    context = {
        "dispute": dispute,
        "payment": dispute.payment,
        "entries": dispute.entries.all(),
        "answers": answers,
        "current": current,
        "form": form,
        "may_draft": dispute.is_answerable and current is None,
        "history": payment_history(dispute.payment),
    }
    return render(request, "billing/dispute_detail.html", context, status=status)


def _find(dispute_id: UUID) -> Dispute:
    disputes = Dispute.objects.select_related("payment__invoice", "payment__customer", "attempt")
    return get_object_or_404(disputes.prefetch_related("entries"), pk=dispute_id)


def _actor(request: HttpRequest) -> Actor:
    assert isinstance(request.user, User)
    return Actor(source="finance", user=request.user)
