"""The routing editor: versions of rules and weights, tried on history, then put in force."""

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from billing.forms.routing import PolicyForm, RuleForm
from billing.gateways.registry import gateway_names
from billing.models import ProcessorFeeRule, RoutingPolicy, RoutingRule
from billing.queries.back_test import back_test
from billing.queries.fee_truth import fee_truths
from billing.queries.trials import trial_of
from billing.services.payments.fee_rules import accept_measured
from billing.services.payments.routing_policies import (
    activate_policy,
    add_rule,
    change_draft,
    draft_policy,
    end_trial,
    move_rule_up,
    remove_rule,
    start_trial,
)
from tiktoktoe.accounts.models import User
from tiktoktoe.accounts.roles import Permission
from tiktoktoe.kernel.clock import now
from tiktoktoe.kernel.errors import Conflict
from tiktoktoe.web.access import requires


@require_GET
@requires(Permission.VIEW_BILLING)
def policy_list(request: HttpRequest) -> HttpResponse:
    """Every version, the newest first."""
    policies = RoutingPolicy.objects.select_related("created_by", "activated_by")
    context = {"policies": policies[:100], "truths": fee_truths(now())}
    return render(request, "billing/routing_policy_list.html", context)


@require_POST
@requires(Permission.CHANGE_BILLING)
def fee_rule_acceptance(request: HttpRequest, rule_id: int) -> HttpResponse:
    """Let a fee that was measured be the rule from tomorrow on."""
    rule = get_object_or_404(ProcessorFeeRule, pk=rule_id)
    try:
        made = accept_measured(rule=rule, user=_person(request), at=now())
    except Conflict as refusal:
        messages.error(request, f"Nothing was changed: {refusal}.")
    else:
        messages.success(request, f"It holds from {made.valid_from:%d %B %Y} on.")
    return redirect("routing_policies")


@require_POST
@requires(Permission.CHANGE_BILLING)
def policy_create(request: HttpRequest) -> HttpResponse:
    """Draft a new version of the active one."""
    draft = draft_policy(user=_person(request), at=now())
    return redirect("routing_policy", draft.version)


@require_GET
@requires(Permission.VIEW_BILLING)
def policy_detail(request: HttpRequest, version: int) -> HttpResponse:
    """A version: its weights and rules, and, while a draft, what it would have done."""
    return _detail(request, _find(version))


@require_POST
@requires(Permission.CHANGE_BILLING)
def policy_weights(request: HttpRequest, version: int) -> HttpResponse:
    """Change the weights of a draft."""
    policy = _find(version)
    form = PolicyForm(request.POST, instance=_find(version))
    if not form.is_valid():
        return _detail(request, policy, form=form, status=422)
    return _do(
        request,
        policy,
        lambda: change_draft(policy=policy, terms=form.cleaned_data),
        "The weights are changed.",
    )


@require_POST
@requires(Permission.CHANGE_BILLING)
def rule_create(request: HttpRequest, version: int) -> HttpResponse:
    """Add a rule to a draft."""
    policy = _find(version)
    form = RuleForm(request.POST, gateway_names=gateway_names())
    if not form.is_valid():
        return _detail(request, policy, rule_form=form, status=422)
    terms = form.cleaned_data
    return _do(request, policy, lambda: add_rule(policy=policy, terms=terms), "The rule is added.")


@require_POST
@requires(Permission.CHANGE_BILLING)
def rule_removal(request: HttpRequest, version: int, position: int) -> HttpResponse:
    """Take a rule out of a draft."""
    rule = _rule(version, position)
    return _do(request, rule.policy, lambda: remove_rule(rule=rule), "The rule is out.")


@require_POST
@requires(Permission.CHANGE_BILLING)
def rule_rise(request: HttpRequest, version: int, position: int) -> HttpResponse:
    """Ask a rule of a draft before the one above it."""
    rule = _rule(version, position)
    return _do(request, rule.policy, lambda: move_rule_up(rule=rule), "The rule is moved up.")


@require_POST
@requires(Permission.CHANGE_BILLING)
def policy_activation(request: HttpRequest, version: int) -> HttpResponse:
    """Put a draft in force."""
    policy, person = _find(version), _person(request)
    return _do(
        request,
        policy,
        lambda: activate_policy(policy=policy, user=person, at=now()),
        f"Payments are routed by version {version} from now on.",
    )


@require_POST
@requires(Permission.CHANGE_BILLING)
def policy_trial(request: HttpRequest, version: int) -> HttpResponse:
    """Let a draft decide about a share of payments."""
    policy, share = _find(version), request.POST.get("percent", "")
    percent = int(share) if share.isdecimal() and len(share) < 4 else 0
    return _do(
        request,
        policy,
        lambda: start_trial(policy=policy, percent=percent, at=now()),
        f"Version {version} decides about {percent} % of payments from now on.",
    )


@require_POST
@requires(Permission.CHANGE_BILLING)
def policy_trial_end(request: HttpRequest, version: int) -> HttpResponse:
    """End a trial."""
    policy = _find(version)
    return _do(request, policy, lambda: end_trial(policy=policy), "The trial has ended.")


def _detail(
    request: HttpRequest,
    policy: RoutingPolicy,
    *,
    form: PolicyForm | None = None,
    rule_form: RuleForm | None = None,
    status: int = 200,
) -> HttpResponse:
    is_draft = policy.state == RoutingPolicy.State.DRAFT
    context = {
        "policy": policy,
        "rules": policy.rules.all(),
        "form": form or PolicyForm(instance=policy),
        "rule_form": rule_form or RuleForm(gateway_names=gateway_names()),
        "is_draft": is_draft,
        "trial": trial_of(policy) if policy.trial_started_at else None,
        "test": back_test(policy) if is_draft else None,
    }
    return render(request, "billing/routing_policy_detail.html", context, status=status)


def _do(
    request: HttpRequest, policy: RoutingPolicy, act: Callable[[], object], done: str
) -> HttpResponse:
    try:
        act()
    except Conflict as refusal:
        messages.error(request, f"Nothing was changed: {refusal}.")
    else:
        messages.success(request, done)
    return redirect("routing_policy", policy.version)


def _find(version: int) -> RoutingPolicy:
    policies = RoutingPolicy.objects.prefetch_related("rules").select_related("activated_by")
    return get_object_or_404(policies, version=version)


def _rule(version: int, position: int) -> RoutingRule:
    rules = RoutingRule.objects.select_related("policy")
    return get_object_or_404(rules, policy__version=version, position=position)


def _person(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user
