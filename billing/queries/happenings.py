# ruff: noqa: S608 - the statements are made of constants
"""Where what is to be announced is found, in SQL: one statement for each table it comes from.

Each gives (kind, object_key, customer_id, happened_at, facts). Those of the past look from
`since` to `at`; those of the near future name the day they are about in their key.
"""

from dataclasses import dataclass

SUBSCRIPTION = """
    'subscription', s.reference, 'plan', p.name, 'plan_code', p.code, 'quantity', s.quantity,
    'period_end', s.current_period_end
"""
OF_SUBSCRIPTION = """
    JOIN subscriptions_planversion v ON v.id = s.plan_version_id
    JOIN subscriptions_plan p ON p.id = v.plan_id
"""
# A transition's event becomes the last part of the kind. Add-ons are told beside the plan that they
# are had with; of a change that is not to be, the plan that stays.
TRANSITIONS = f"""
SELECT 'subscription.' || t.event, t.id::text, s.customer_id, t.recorded_at,
    jsonb_build_object({SUBSCRIPTION}, 'state', t.to_state, 'effective_at', t.effective_at,
        'reason', t.reason, 'cancel_at', s.cancel_at,
        'change_at', t.details->>'change_at', 'pause_at', t.details->>'pause_at',
        'resume_at', nullif(t.details->>'resume_at', ''),
        'trial_ends_at', CASE WHEN t.event LIKE 'trial%%' THEN s.trial_ends_at END,
        'is_price_move', CASE WHEN t.source = 'price_move' THEN true END)
    || CASE WHEN t.event LIKE 'add_on%%' THEN jsonb_build_object('add_on_name', new_plan.name,
        'add_on_code', new_plan.code, 'add_on_quantity', (t.details->>'to_quantity')::int,
        'add_on_quantity_before', (t.details->>'from_quantity')::int,
        CASE WHEN t.details->>'to_quantity' = '0' THEN 'add_on_until_at' ELSE 'add_on_from_at' END,
        coalesce((t.details->>'change_at')::timestamptz, t.effective_at))
    WHEN t.event = 'plan_change_withdrawn' THEN '{{}}'
    ELSE jsonb_build_object(
        'plan', coalesce(new_plan.name, p.name), 'plan_code', coalesce(new_plan.code, p.code),
        'quantity', coalesce((t.details->>'to_quantity')::int, s.quantity),
        'plan_before', old_plan.name, 'quantity_before', (t.details->>'from_quantity')::int) END
FROM subscriptions_subscriptiontransition t
JOIN subscriptions_subscription s ON s.id = t.subscription_id {OF_SUBSCRIPTION}
LEFT JOIN subscriptions_planversion old ON old.id = (t.details->>'from_plan_version')::bigint
LEFT JOIN subscriptions_plan old_plan ON old_plan.id = old.plan_id
LEFT JOIN subscriptions_planversion new ON new.id = (t.details->>'to_plan_version')::bigint
LEFT JOIN subscriptions_plan new_plan ON new_plan.id = new.plan_id
WHERE t.recorded_at >= %(since)s AND t.recorded_at <= %(at)s
"""
# Of what has started the subscription's own beginning is told.
STARTS = """
SELECT 'start.' || e.kind, e.id::text, x.customer_id, e.at,
    jsonb_build_object('subscription', x.reference, 'plan', p.name, 'plan_code', p.code,
        'quantity', x.quantity, 'start_at', x.due_at, 'coupon', nullif(x.coupon_code, ''),
        'reason', nullif(e.reason, ''))
FROM billing_plannedstartevent e JOIN billing_plannedstart x ON x.id = e.start_id
JOIN subscriptions_planversion v ON v.id = x.plan_version_id
JOIN subscriptions_plan p ON p.id = v.plan_id
WHERE e.kind <> 'started' AND e.at >= %(since)s AND e.at <= %(at)s
"""
TRIALS = f"""
SELECT 'trial.ending', s.id || ':' || to_char(s.trial_ends_at AT TIME ZONE 'UTC', 'YYYYMMDD'),
    s.customer_id, %(at)s::timestamptz,
    jsonb_build_object({SUBSCRIPTION}, 'trial_ends_at', s.trial_ends_at)
FROM subscriptions_subscription s {OF_SUBSCRIPTION}
WHERE s.state = 'trialing' AND s.cancel_at IS NULL
  AND s.trial_ends_at > %(at)s AND s.trial_ends_at <= %(trial_soon)s
"""
RENEWALS = f"""
SELECT 'renewal.upcoming',
    s.id || ':' || to_char(s.current_period_end AT TIME ZONE 'UTC', 'YYYYMMDD'),
    s.customer_id, %(at)s::timestamptz, jsonb_build_object({SUBSCRIPTION})
FROM subscriptions_subscription s {OF_SUBSCRIPTION}
WHERE s.state IN ('active', 'past_due') AND s.cancel_at IS NULL
  AND (p.interval IN ('quarter', 'half_year', 'year')
       OR (p.interval = 'month' AND p.interval_count >= 3))
  AND s.next_billing_at > %(at)s AND s.current_period_end > %(at)s
  AND s.current_period_end <= %(renewal_soon)s
"""
AMOUNT = "jsonb_build_object('amount', trim_scale({0})::text, 'currency', {1})"
INVOICE = f"""
    'invoice', i.number, 'invoice_id', i.id,
    'subscription', (SELECT reference FROM subscriptions_subscription WHERE id = i.subscription_id),
    'total', {AMOUNT.format("i.total", "i.currency")},
    'amount_due', {
    AMOUNT.format(
        "greatest(i.total - i.amount_credited + i.amount_to_balance - i.amount_from_balance"
        " - i.amount_from_wallets - i.amount_paid + i.amount_refunded, 0)",
        "i.currency",
    )
},
    'due_at', i.due_at, 'period_start', i.period_start, 'period_end', i.period_end
"""


def _invoices(kind: str, instant: str) -> str:
    return f"""
SELECT '{kind}', i.id::text, i.customer_id, i.{instant}, jsonb_build_object({INVOICE})
FROM billing_invoice i WHERE i.{instant} >= %(since)s AND i.{instant} <= %(at)s
"""


METHOD = "initcap(replace(coalesce(nullif(m.brand, ''), m.kind), '_', ' '))"
DECLINES = f"""
SELECT 'payment.failed', a.id::text, y.customer_id, a.resolved_at,
    jsonb_build_object({INVOICE}, 'payment_id', y.id, 'channel', a.channel,
        'amount', {AMOUNT.format("y.amount", "y.currency")},
        'decline_class', a.decline_class, 'next_attempt_at', y.next_attempt_at,
        'method', CASE WHEN m.last4 <> '' THEN {METHOD} || ' ' || m.last4 ELSE '' END)
FROM billing_paymentattempt a JOIN billing_payment y ON y.id = a.payment_id
JOIN billing_invoice i ON i.id = y.invoice_id
LEFT JOIN billing_paymentmethod m ON m.id = a.method_id
WHERE a.state = 'declined' AND a.resolved_at >= %(since)s AND a.resolved_at <= %(at)s
"""
# Of what a customer wanted to pay on a page, and has not paid otherwise meanwhile.
APPROVALS = f"""
SELECT 'payment.approved', r.id || ':' || extract(epoch FROM r.decided_at)::bigint,
    y.customer_id, r.decided_at, jsonb_build_object({INVOICE}, 'payment_id', y.id)
FROM billing_paymentreview r JOIN billing_payment y ON y.id = r.payment_id
JOIN billing_invoice i ON i.id = y.invoice_id
WHERE r.state = 'approved' AND r.is_on_page AND y.state IN ('open', 'requires_action')
  AND r.decided_at >= %(since)s AND r.decided_at <= %(at)s
"""
# What is threatened is a step of the campaign of which nothing became yet.
_COMING = """(
    SELECT run.past_due_from + make_interval(days => next.day) FROM billing_dunningstep next
    WHERE next.campaign_id = run.campaign_id AND next.kind = '{0}' AND NOT EXISTS (
        SELECT FROM billing_dunningact known WHERE known.run_id = run.id AND known.step_id = next.id
    ) LIMIT 1)"""
REMINDERS = f"""
SELECT 'dunning.reminder', act.id::text, i.customer_id, act.at,
    jsonb_build_object({INVOICE}, 'past_due_from', run.past_due_from,
        'restrict_at', {_COMING.format("restrict")}, 'cancel_at', {_COMING.format("cancel")})
FROM billing_dunningact act JOIN billing_dunningstep step ON step.id = act.step_id
JOIN billing_dunningrun run ON run.id = act.run_id JOIN billing_invoice i ON i.id = run.invoice_id
WHERE step.kind = 'email' AND act.state = 'done' AND act.at >= %(since)s AND act.at <= %(at)s
"""
# The one after which no currency of a customer has any left is told of to systems besides.
REQUESTS = f"""
SELECT told.kind, r.id::text, s.customer_id, r.at,
    jsonb_build_object('amount', {AMOUNT.format("r.amount", "r.currency")}, 'number', r.number,
        'invoices', (SELECT string_agg(name, ', ') FROM jsonb_array_elements_text(r.invoices) name))
FROM billing_dunningrequest r JOIN billing_dunningseries s ON s.id = r.series_id
JOIN (VALUES ('dunning.request', false), ('dunning.finished', true)) AS told (kind, is_last)
    ON NOT told.is_last OR r.is_last
WHERE r.at >= %(since)s AND r.at <= %(at)s
"""
DEBITS = f"""
SELECT 'debit.upcoming', o.id::text, y.customer_id, o.created_at,
    jsonb_build_object({INVOICE}, 'payment_id', y.id, 'due_on', o.due_on,
        'amount', {AMOUNT.format("o.amount", "o.currency")},
        'account', m.last4, 'mandate', m.reference, 'creditor_id', m.creditor_id)
FROM billing_bankorder o JOIN billing_paymentattempt a ON a.id = o.attempt_id
JOIN billing_payment y ON y.id = a.payment_id
JOIN billing_invoice i ON i.id = y.invoice_id JOIN billing_mandate m ON m.id = o.mandate_id
WHERE o.created_at >= %(since)s AND o.created_at <= %(at)s AND o.state <> 'stopped'
"""
RETURNS = f"""
SELECT 'payment.returned', r.id::text, y.customer_id, r.returned_at,
    jsonb_build_object({INVOICE}, 'payment_id', y.id, 'returned_on', r.returned_on,
        'amount', {AMOUNT.format("r.amount", "r.currency")}, 'decline_class', r.decline_class)
FROM billing_paymentreturn r JOIN billing_payment y ON y.id = r.payment_id
JOIN billing_invoice i ON i.id = y.invoice_id
WHERE r.returned_at >= %(since)s AND r.returned_at <= %(at)s
"""
PAYMENTS = f"""
SELECT 'payment.succeeded', y.id::text, y.customer_id, y.paid_at,
    jsonb_build_object({INVOICE}, 'payment_id', y.id,
        'amount', {AMOUNT.format("y.amount", "y.currency")}, 'paid_at', y.paid_at)
FROM billing_payment y JOIN billing_invoice i ON i.id = y.invoice_id
WHERE y.paid_at >= %(since)s AND y.paid_at <= %(at)s
"""
REFUNDS = f"""
SELECT 'refund.succeeded', r.id::text, y.customer_id, r.resolved_at,
    jsonb_build_object({INVOICE}, 'payment_id', y.id, 'refund_id', r.id,
        'amount', {AMOUNT.format("r.amount", "r.currency")}, 'reason', r.reason)
FROM billing_refund r JOIN billing_payment y ON y.id = r.payment_id
JOIN billing_invoice i ON i.id = y.invoice_id
WHERE r.state = 'succeeded' AND r.resolved_at >= %(since)s AND r.resolved_at <= %(at)s
"""
CREDIT_NOTES = f"""
SELECT 'credit_note.issued', n.id::text, n.customer_id, n.issued_at,
    jsonb_build_object('credit_note', n.number, 'invoice', coalesce(i.number, i.reference),
        'invoice_id', i.id, 'amount', {AMOUNT.format("n.total", "n.currency")}, 'reason', n.reason,
        'billed_elsewhere', CASE WHEN i.state = 'elsewhere' THEN 'yes' END)
FROM billing_creditnote n JOIN billing_invoice i ON i.id = n.invoice_id
WHERE n.issued_at >= %(since)s AND n.issued_at <= %(at)s
"""
# Systems hear of those; a customer has asked the bank for it, and the bank writes.
DISPUTES = f"""
SELECT told.kind, d.id::text, y.customer_id, told.at,
    jsonb_build_object({INVOICE}, 'payment_id', y.id, 'dispute', d.gateway_reference,
        'gateway', d.gateway, 'reason', d.reason_class, 'state', d.state, 'answer_by_at', d.due_at,
        'amount', {AMOUNT.format("d.amount", "d.currency")})
FROM billing_dispute d JOIN billing_payment y ON y.id = d.payment_id
JOIN billing_invoice i ON i.id = y.invoice_id
CROSS JOIN LATERAL (
    VALUES ('dispute.opened', d.created_at), ('dispute.closed', d.closed_at)) AS told (kind, at)
WHERE told.at >= %(since)s AND told.at <= %(at)s
"""
CARDS = f"""
SELECT 'payment_method.expiring', m.id || ':' || to_char(m.expires_on, 'YYYYMMDD'),
    m.customer_id, %(at)s::timestamptz,
    jsonb_build_object('method', {METHOD} || ' ' || m.last4,
        'expires_on', m.expires_on)
FROM billing_paymentmethod m
WHERE m.state = 'active' AND m.is_default
  AND m.expires_on >= (%(at)s::timestamptz AT TIME ZONE 'UTC')::date
  AND m.expires_on <= (%(card_soon)s::timestamptz AT TIME ZONE 'UTC')::date
"""

ALERTS = f"""
SELECT CASE WHEN u.price_id IS NULL THEN 'usage.budget_reached'
            ELSE 'usage.threshold_reached' END,
    u.id::text, s.customer_id, u.raised_at,
    jsonb_build_object({SUBSCRIPTION}, 'period_start', u.period_start)
    || CASE WHEN u.price_id IS NULL THEN jsonb_build_object(
        'amount', {AMOUNT.format("u.used", "s.currency")},
        'budget', {AMOUNT.format("u.level", "s.currency")})
    ELSE jsonb_build_object('feature', c.name, 'price', c.code, 'percent', u.percent::text,
        'used', trim_scale(u.used)::text, 'included', trim_scale(u.level)::text) END
FROM billing_usagealert u JOIN subscriptions_subscription s ON s.id = u.subscription_id
{OF_SUBSCRIPTION} LEFT JOIN subscriptions_price c ON c.id = u.price_id
WHERE u.is_told AND u.raised_at >= %(since)s AND u.raised_at <= %(at)s
"""
_MOVED = f"""
FROM billing_pricemoverow r JOIN billing_pricemove m ON m.id = r.move_id
JOIN subscriptions_subscription s ON s.id = r.subscription_id {OF_SUBSCRIPTION}
JOIN subscriptions_planversion nv ON nv.id = m.to_version_id
JOIN subscriptions_plan np ON np.id = nv.plan_id
"""
_PRICES = f"""
    jsonb_build_object({SUBSCRIPTION}, 'effective_at', r.effective_at,
        'plan_after', CASE WHEN np.id <> p.id THEN np.name END)
    || CASE WHEN nv.includes_tax THEN jsonb_build_object(
        'gross_before', {AMOUNT.format("r.fee_before", "r.currency")},
        'gross_after', {AMOUNT.format("r.fee_after", "r.currency")})
    ELSE jsonb_build_object(
        'net_before', {AMOUNT.format("r.fee_before", "r.currency")},
        'net_after', {AMOUNT.format("r.fee_after", "r.currency")}) END
"""
# Each day of a subscriber's is told once; whoever leaves before it need not hear of it.
PRICE_CHANGES = f"""
SELECT 'price.change_upcoming',
    r.id || ':' || to_char(r.effective_at AT TIME ZONE 'UTC', 'YYYYMMDD'),
    s.customer_id, %(at)s::timestamptz,
    {_PRICES} || jsonb_build_object('usage_from_at', CASE WHEN EXISTS (
        SELECT FROM subscriptions_price u
        WHERE u.plan_version_id = nv.id AND u.meter_id IS NOT NULL) THEN r.effective_at END)
{_MOVED} LEFT JOIN billing_planchange change ON change.id = r.change_id
WHERE r.tell_at <= %(at)s AND r.effective_at > %(at)s AND m.state <> 'undone'
  AND (m.short_notice_reason <> ''
       OR r.effective_at >= %(at)s::timestamptz + make_interval(days => m.notice_days))
  AND (r.state = 'waiting' OR (r.state = 'moved' AND change.state = 'scheduled'))
  AND s.plan_version_id = m.from_version_id AND s.ended_at IS NULL AND s.cancel_at IS NULL
"""
# Also to those who have scheduled their end meanwhile: perhaps they did it for the prices.
PRICES_STAY = f"""
SELECT 'price.change_withdrawn', r.id::text, s.customer_id, r.done_at, {_PRICES}
{_MOVED}
WHERE r.state IN ('taken_back', 'refused')
  AND s.plan_version_id = m.from_version_id AND s.ended_at IS NULL
  AND (m.state = 'undone' OR (s.cancel_at IS NULL AND s.pause_at IS NULL AND NOT EXISTS (
    SELECT FROM billing_planchange c WHERE c.subscription_id = s.id AND c.state = 'scheduled')))
  AND r.tell_at IS NOT NULL AND greatest(r.done_at, m.undone_at) >= %(since)s
  AND r.done_at <= %(at)s AND EXISTS (
    SELECT FROM billing_announcement told WHERE told.kind = 'price.change_upcoming'
      AND told.customer_id = s.customer_id
      AND split_part(told.object_key, ':', 1) = r.id::text)
"""


@dataclass(frozen=True, slots=True)
class Finder:
    """A statement that finds what is to be announced; `is_ahead`: of the near future."""

    name: str
    sql: str
    is_ahead: bool = False


FINDERS = (
    Finder("transitions", TRANSITIONS),
    Finder("planned starts", STARTS),
    Finder("trials", TRIALS, is_ahead=True),
    Finder("renewals", RENEWALS, is_ahead=True),
    Finder("invoices", _invoices("invoice.finalized", "finalized_at")),
    Finder("invoices paid", _invoices("invoice.paid", "paid_at")),
    Finder("invoices voided", _invoices("invoice.voided", "voided_at")),
    Finder("invoices written off", _invoices("invoice.written_off", "written_off_at")),
    Finder("declines", DECLINES),
    Finder("approvals", APPROVALS),
    Finder("reminders", REMINDERS),
    Finder("requests", REQUESTS),
    Finder("debits", DEBITS),
    Finder("returns", RETURNS),
    Finder("payments", PAYMENTS),
    Finder("refunds", REFUNDS),
    Finder("credit notes", CREDIT_NOTES),
    Finder("disputes", DISPUTES),
    Finder("cards", CARDS, is_ahead=True),
    Finder("usage alerts", ALERTS),
    Finder("price changes", PRICE_CHANGES, is_ahead=True),
    Finder("prices that stay", PRICES_STAY),
)
