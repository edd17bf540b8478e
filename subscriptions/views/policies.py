"""Staff page of the billing policy of a plan, and of changes from it to other plans."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods

from subscriptions.domain.proration_policy import Timing, UnusedTime
from subscriptions.forms.policies import PolicyRuleForm
from subscriptions.models import Plan, PolicyRule
from subscriptions.services.policies import assign_policy, policy_of
from subscriptions.services.transitions import Actor
from tiktoktoe.accounts.models import User
from tiktoktoe.accounts.roles import Permission
from tiktoktoe.kernel.clock import now
from tiktoktoe.kernel.errors import InvalidInput
from tiktoktoe.web.access import requires

WORDS = {
    "unit": "Time is counted in",
    "change_day": "The day of a change goes to the",
    "cancel_day": "The day of a cancellation goes to the",
    "denominator": "A part is a part of the",
    "credit_base": "A credit is counted from the",
    "credit_form": "A change gives unused time back as a",
    "anchor_rule": "After a change of interval periods are counted from the",
    "resume_anchor": "After a pause periods are counted from the",
    "trial_anchor": "After a trial periods are counted from the",
    "trial_usage": "Usage in a trial is",
    "changed_trial": "After a change in a trial it ends as said by the",
    "unused_time": "What happens to unused time",
    "note_pays": "A credit note of it pays what is",
    "threshold_span": "Thresholds are measured by the usage of the",
    "upgrade_timing": "What costs more takes effect",
    "downgrade_timing": "What costs less takes effect",
    "cross_grade_timing": "Another interval takes effect",
}


@require_http_methods(["GET", "POST"])
@requires(Permission.CHANGE_BILLING)
def plan_policy(request: HttpRequest, code: str) -> HttpResponse:
    """What counts now, what counted before, and a form that lets something else count."""
    plan = get_object_or_404(Plan.objects.select_related("product"), code=code)
    form = PolicyRuleForm(request.POST or None, plan=plan)
    if request.method == "POST" and form.is_valid() and _assign(request, plan, form):
        return redirect("plan_policy", code)
    policy = policy_of(plan, now())
    rows = PolicyRule.objects.filter(from_plan=plan).select_related("policy", "to_plan", "actor")
    context = {
        "plan": plan,
        "form": form,
        "policy": policy,
        "rules": [
            (words, str(getattr(policy, name) or "as an upgrade or a downgrade"))
            for name, words in WORDS.items()
        ],
        "rows": rows.order_by("-effective_from", "-pk"),
    }
    return render(request, "subscriptions/plan_policy.html", context)


def _assign(request: HttpRequest, plan: Plan, form: PolicyRuleForm) -> bool:
    assert isinstance(request.user, User)
    given = form.cleaned_data
    try:
        assign_policy(
            from_plan=plan,
            to_plan=given["to_plan"],
            policy=given["policy"],
            timing=Timing(given["timing"]) if given["timing"] else None,
            unused_time=UnusedTime(given["unused_time"]) if given["unused_time"] else None,
            actor=Actor(source="finance", user=request.user),
            at=now(),
        )
    except InvalidInput as refusal:
        form.add_error(None, str(refusal))
        return False
    messages.success(request, "It counts from now on.")
    return True
