"""Notices in English."""

from billing.domain.notice_words.kinds import Words

LANGUAGE = "en"
FRAME = {
    "greeting": "Hello {customer},",
    "closing": "{company}",
    "questions": "Questions? Write to {company_email}.",
    "unsubscribe": "You get this because you are a customer of {company}. "
    "To get no more e-mails of this kind:",
    "unsubscribe_link": "Stop these e-mails",
    "advice_funds": "There was not enough money, or a limit was reached.",
    "advice_confirm": "Your bank wants you to confirm the payment. Please pay on the payment page.",
    "advice_method": "The payment method can no longer be used. Please pay with another one.",
    "advice_other": "The bank declined without a reason that we can pass on. You can pay "
    "another way.",
    "attached": "The document is attached.",
}
NOTICES = {
    "trial.ending": Words(
        "Your trial of {plan} ends on {trial_ends_at}",
        (
            "Your free trial of {plan} ends on {trial_ends_at}.",
            "From then on you pay for it, unless you cancel before. "
            "Please see that a payment method is on file.",
        ),
        "See your subscription",
    ),
    "renewal.upcoming": Words(
        "{plan} renews on {period_end}",
        (
            "Your subscription to {plan} renews on {period_end} for another period.",
            "You need not do anything. To change or cancel it, do so before that day.",
        ),
        "See your subscription",
    ),
    "invoice.finalized": Words(
        "Invoice {invoice}: {total}",
        (
            "Here is invoice {invoice} of {total}.",
            "{amount_due} is due on {due_at}. If a payment method is on file, it is charged "
            "automatically.",
        ),
        "See the invoice",
    ),
    "payment.failed": Words(
        "Your payment of {amount} failed",
        (
            "We could not collect {amount} for invoice {invoice}.",
            "The payment method was {method}.",
            "{advice}",
            "We try again on {next_attempt_at}.",
        ),
        "Pay now",
    ),
    "payment.approved": Words(
        "You can pay invoice {invoice} now",
        (
            "We have looked at your payment for invoice {invoice}: you can go on with it now.",
            "{amount_due} is to be paid. If you have just done so, you need not do anything.",
        ),
        "Pay now",
    ),
    "dunning.reminder": Words(
        "Invoice {invoice} is past due",
        (
            "{amount_due} of invoice {invoice} is past due since {past_due_from}.",
            "Please pay it now. If you have just done so, you need not do anything.",
            "From {restrict_at} on the service is restricted until it is paid.",
            "If it stays unpaid, your subscription ends on {cancel_at}.",
        ),
        "Pay now",
    ),
    "debit.upcoming": Words(
        "We debit {amount} on {due_on}",
        (
            "We will collect {amount} for invoice {invoice} by direct debit on {due_on}.",
            "It is taken from your account ending {account}, by mandate {mandate}; our "
            "creditor identifier is {creditor_id}.",
            "Please see that there are enough funds on that day.",
        ),
        "See the invoice",
    ),
    "payment.returned": Words(
        "Your bank returned our debit of {amount}",
        (
            "Your bank took back {amount} on {returned_on}, which had paid invoice {invoice}.",
            "{advice}",
            "{amount_due} is owed again.",
        ),
        "Pay now",
    ),
    "dunning.request": Words(
        "Your overdue balance: {amount}",
        (
            "{amount} is overdue on your invoices {invoices}.",
            "Please pay it now. If you have just done so, you need not do anything.",
        ),
        "See your invoices",
    ),
    "payment.succeeded": Words(
        "We received {amount}",
        ("Thank you: we received {amount} for invoice {invoice}.",),
        "See the invoice",
    ),
    "payment_method.expiring": Words(
        "{method} expires on {expires_on}",
        (
            "Your payment method {method} expires on {expires_on}.",
            "Please add a new one before then, so that your payments go through.",
        ),
        "Update the payment method",
    ),
    "subscription.plan_changed": Words(
        "Your plan is {plan}",
        (
            "Your subscription is on {plan} as of {effective_at}, quantity {quantity}.",
            "Before, it was on {plan_before}, quantity {quantity_before}.",
        ),
        "See your subscription",
    ),
    "subscription.cancellation_scheduled": Words(
        "{plan} ends on {cancel_at}",
        (
            "As you asked, your subscription to {plan} ends on {cancel_at}.",
            "Until then everything works as before, and you can change your mind.",
        ),
        "See your subscription",
    ),
    "subscription.cancellation_withdrawn": Words(
        "{plan} goes on",
        ("Your subscription to {plan} does not end: it goes on as before.",),
        "See your subscription",
    ),
    "subscription.expired": Words(
        "Your subscription to {plan} did not begin",
        (
            "Your subscription to {plan} was not paid in time, so that it did not begin.",
            "You can subscribe again at any time.",
        ),
        "See your choices",
    ),
    "subscription.plan_change_scheduled": Words(
        "Your plan changes on {change_at}",
        (
            "Your subscription is on {plan} from {change_at} on, quantity {quantity}.",
            "Until then everything stays as it is, and you can change your mind.",
        ),
        "See your subscription",
    ),
    "subscription.plan_change_withdrawn": Words(
        "Your plan stays {plan}",
        ("The change that was scheduled is taken back: your subscription stays on {plan}.",),
        "See your subscription",
    ),
    "subscription.add_on_changed": Words(
        "Your add-on {add_on_name} changed",
        (
            "As of {add_on_from_at} you have {add_on_name} {add_on_quantity} times, beside {plan}.",
            "As of {add_on_until_at} you no longer have {add_on_name} beside {plan}.",
        ),
        "See your subscription",
    ),
    "subscription.add_on_scheduled": Words(
        "Your add-on {add_on_name} changes on {change_at}",
        (
            "From {add_on_from_at} on you have {add_on_name} {add_on_quantity} times, "
            "beside {plan}.",
            "From {add_on_until_at} on you no longer have {add_on_name} beside {plan}.",
            "Until then everything stays as it is, and you can change your mind.",
        ),
        "See your subscription",
    ),
    "subscription.add_on_withdrawn": Words(
        "Your add-on {add_on_name} stays as it is",
        ("The change of {add_on_name} that was scheduled is taken back.",),
        "See your subscription",
    ),
    "start.planned": Words(
        "{plan} starts on {start_at}",
        (
            "Your subscription to {plan} starts on {start_at}, quantity {quantity}.",
            "Nothing is charged before that day; your account shows what the first invoice "
            "will be.",
            "Until then you can change your mind and take it back there.",
        ),
        "See what is planned",
    ),
    "start.withdrawn": Words(
        "{plan} does not start",
        (
            "The subscription to {plan} that was planned for {start_at} is taken back. "
            "Nothing was charged for it.",
        ),
        "See your account",
    ),
    "start.refused": Words(
        "{plan} could not start",
        (
            "The subscription to {plan} that was planned for {start_at} could not start. "
            "Nothing was charged for it.",
            "We see to it. You can also subscribe anew in your account, or write to us at "
            "{company_email}.",
        ),
        "See your account",
    ),
    "subscription.pause_scheduled": Words(
        "{plan} pauses on {pause_at}",
        (
            "Your subscription to {plan} pauses from {pause_at} on.",
            "It goes on by itself on {resume_at}.",
            "Until then everything works as before, and you can change your mind.",
        ),
        "See your subscription",
    ),
    "subscription.pause_withdrawn": Words(
        "{plan} does not pause",
        ("The pause that was scheduled is taken back: {plan} goes on as before.",),
        "See your subscription",
    ),
    "subscription.paused": Words(
        "{plan} pauses",
        (
            "Your subscription to {plan} pauses since {effective_at}: it cannot be used, and "
            "nothing is charged for it.",
            "It goes on by itself on {resume_at}.",
        ),
        "See your subscription",
    ),
    "subscription.resumed": Words(
        "{plan} goes on",
        ("Your subscription to {plan} goes on since {effective_at}, and is charged again.",),
        "See your subscription",
    ),
    "subscription.resumption_scheduled": Words(
        "{plan} goes on from {resume_at}",
        ("Your subscription to {plan} goes on by itself on {resume_at}, and is charged again.",),
        "See your subscription",
    ),
    "subscription.resumption_withdrawn": Words(
        "{plan} stays paused",
        ("Your subscription to {plan} stays paused until you let it go on.",),
        "See your subscription",
    ),
    "subscription.trial_extended": Words(
        "Your trial of {plan} goes on until {trial_ends_at}",
        ("Your free trial of {plan} is longer: it ends on {trial_ends_at}.",),
        "See your subscription",
    ),
    "subscription.trial_shortened": Words(
        "Your trial of {plan} ends on {trial_ends_at}",
        (
            "Your free trial of {plan} is shorter: it ends on {trial_ends_at}.",
            "From then on you pay for it, unless you cancel before.",
        ),
        "See your subscription",
    ),
    "subscription.canceled": Words(
        "Your subscription to {plan} has ended",
        (
            "Your subscription to {plan} ended on {effective_at}.",
            "Your invoices stay available to you.",
        ),
        "See your invoices",
    ),
    "refund.succeeded": Words(
        "We refunded {amount}",
        (
            "We sent {amount} back to you, of what was paid for invoice {invoice}.",
            "It may take your bank some days to show it.",
        ),
        "See the invoice",
    ),
    "credit_note.issued": Words(
        "Credit note {credit_note}: {amount}",
        (
            "Here is credit note {credit_note} of {amount}, for invoice {invoice}.",
            "The reason: {reason}.",
        ),
        "See the invoice",
    ),
    "price.change_upcoming": Words(
        "The prices of {plan} change on {effective_at}",
        (
            "The prices of your subscription to {plan} change on {effective_at}.",
            "It goes on as {plan_after}.",
            "Its fees are then {net_after} for each period instead of {net_before}, before tax.",
            "Its fees are then {gross_after} for each period instead of {gross_before}, "
            "tax included.",
            "What you use from {usage_from_at} on is charged by the new prices.",
            "You need not do anything. If you do not want this, you can choose another plan "
            "or cancel before that day.",
        ),
        "See your choices",
    ),
    "price.change_withdrawn": Words(
        "The prices of {plan} do not change",
        (
            "We wrote to you that the prices of your subscription to {plan} would change on "
            "{effective_at}. They do not.",
            "Its fees stay at {net_before} for each period, before tax.",
            "Its fees stay at {gross_before} for each period, tax included.",
            "If you have scheduled an end or another plan because of it, you can take that back.",
        ),
        "See your subscription",
    ),
    "usage.threshold_reached": Words(
        "{percent} of {feature} used",
        (
            "You have used {used} of the {included} that {plan} includes "
            "of {feature} in this period, that is {percent}.",
            "The period ends on {period_end}. What goes beyond is billed as your plan says.",
        ),
        "See your usage",
    ),
    "usage.budget_reached": Words(
        "Your usage has reached {budget}",
        (
            "What you have used of {plan} in this period comes to {amount} before tax. "
            "You asked to be told at {budget}.",
            "The period ends on {period_end}.",
        ),
        "See your usage",
    ),
}
