"""Addresses of payments, gateways and banks, and of dunning."""

from django.urls import path

from billing import webhooks
from billing.views import (
    bank,
    campaigns,
    corrections,
    disputes,
    dunning,
    flight_recorder,
    gateway_events,
    holds,
    monitor,
    payments,
    reviews,
    routing,
    unknowns,
)

urlpatterns = [
    path("dunning/", dunning.dunning_board, name="dunning_board"),
    path("dunning/recovered/", dunning.dunning_recovered, name="dunning_recovered"),
    path("dunning/runs/<uuid:run_id>/", dunning.dunning_run, name="dunning_run"),
    path("dunning/runs/<uuid:run_id>/retry/", dunning.dunning_retry, name="dunning_retry"),
    path(
        "dunning/runs/<uuid:run_id>/steps/<int:position>/skip/",
        dunning.dunning_skip,
        name="dunning_skip",
    ),
    path("dunning/runs/<uuid:run_id>/stop/", dunning.dunning_stop, name="dunning_stop"),
    path("dunning/runs/<uuid:run_id>/promise/", dunning.dunning_promise, name="dunning_promise"),
    path("dunning/campaigns/", campaigns.campaign_list, name="dunning_campaigns"),
    path("dunning/campaigns/new/", campaigns.campaign_create, name="dunning_campaign_create"),
    path(
        "dunning/campaigns/<slug:code>/<int:number>/",
        campaigns.campaign_detail,
        name="dunning_campaign",
    ),
    path(
        "dunning/campaigns/<slug:code>/<int:number>/assignment/",
        campaigns.campaign_assignment,
        name="dunning_campaign_assignment",
    ),
    path("payments/", payments.payment_list, name="payment_list"),
    path("payments.csv", payments.payment_csv, name="payment_csv"),
    path("payments/monitor/", monitor.payment_monitor, name="payment_monitor"),
    path("payments/unknown/", unknowns.unknown_list, name="unknown_list"),
    path(
        "payments/unknown/contradictions/<int:event_id>/correction/",
        corrections.correction_proposal,
        name="correction_proposal",
    ),
    path(
        "payments/unknown/corrections/<int:correction_id>/agreement/",
        corrections.correction_agreement,
        name="correction_agreement",
    ),
    path(
        "payments/unknown/corrections/<int:correction_id>/refusal/",
        corrections.correction_refusal,
        name="correction_refusal",
    ),
    path(
        "payments/unknown/<slug:kind>/<uuid:target_id>/look/",
        unknowns.unknown_look,
        name="unknown_look",
    ),
    path(
        "payments/unknown/<slug:kind>/<uuid:target_id>/claim/",
        unknowns.unknown_claim,
        name="unknown_claim",
    ),
    path(
        "payments/unknown/claims/<int:claim_id>/agreement/",
        unknowns.unknown_agreement,
        name="unknown_agreement",
    ),
    path(
        "payments/unknown/claims/<int:claim_id>/refusal/",
        unknowns.unknown_refusal,
        name="unknown_refusal",
    ),
    path("bank/transfers/", bank.bank_entry_list, name="bank_entry_list"),
    path("bank/transfers/<uuid:entry_id>/match/", bank.bank_entry_match, name="bank_entry_match"),
    path("bank/transfers/<uuid:entry_id>/aside/", bank.bank_entry_aside, name="bank_entry_aside"),
    path(
        "bank/returns/<uuid:return_id>/recording/",
        bank.bank_return_record,
        name="bank_return_record",
    ),
    path("bank/returns/<uuid:return_id>/aside/", bank.bank_return_aside, name="bank_return_aside"),
    path("bank/files/", bank.bank_file_list, name="bank_file_list"),
    path("bank/mandates/", bank.mandate_list, name="mandate_list"),
    path("bank/mandates/<str:reference>/", bank.mandate_detail, name="mandate_detail"),
    path(
        "bank/mandates/<str:reference>/revocation/",
        bank.mandate_revocation,
        name="mandate_revocation",
    ),
    path("payments/reviews/", reviews.review_list, name="review_list"),
    path(
        "payments/reviews/<int:review_id>/approval/",
        reviews.review_approval,
        name="review_approval",
    ),
    path(
        "payments/reviews/<int:review_id>/refusal/", reviews.review_refusal, name="review_refusal"
    ),
    path("payments/holds/<uuid:attempt_id>/captures/", holds.hold_capture, name="hold_capture"),
    path("payments/holds/<uuid:attempt_id>/void/", holds.hold_void, name="hold_void"),
    path("payments/holds/<uuid:attempt_id>/lapse/", holds.hold_lapse, name="hold_lapse"),
    path("payments/disputes/", disputes.dispute_list, name="dispute_list"),
    path("payments/disputes/<uuid:dispute_id>/", disputes.dispute_detail, name="dispute_detail"),
    path(
        "payments/disputes/<uuid:dispute_id>/draft/", disputes.dispute_draft, name="dispute_draft"
    ),
    path(
        "payments/disputes/<uuid:dispute_id>/evidence/",
        disputes.dispute_evidence,
        name="dispute_evidence",
    ),
    path(
        "payments/disputes/<uuid:dispute_id>/submission/",
        disputes.dispute_submission,
        name="dispute_submission",
    ),
    path(
        "payments/disputes/<uuid:dispute_id>/acceptance/",
        disputes.dispute_acceptance,
        name="dispute_acceptance",
    ),
    path("payments/disputes/<uuid:dispute_id>/look/", disputes.dispute_look, name="dispute_look"),
    path(
        "payments/disputes/<uuid:dispute_id>/evidence-<int:round_number>.pdf",
        disputes.dispute_document,
        name="dispute_document",
    ),
    path("payments/routing/", routing.policy_list, name="routing_policies"),
    path("payments/routing/new/", routing.policy_create, name="routing_policy_create"),
    path(
        "payments/routing/fees/<int:rule_id>/acceptance/",
        routing.fee_rule_acceptance,
        name="fee_rule_acceptance",
    ),
    path("payments/routing/<int:version>/", routing.policy_detail, name="routing_policy"),
    path(
        "payments/routing/<int:version>/weights/",
        routing.policy_weights,
        name="routing_policy_weights",
    ),
    path("payments/routing/<int:version>/rules/", routing.rule_create, name="routing_rule_create"),
    path(
        "payments/routing/<int:version>/rules/<int:position>/rise/",
        routing.rule_rise,
        name="routing_rule_rise",
    ),
    path(
        "payments/routing/<int:version>/rules/<int:position>/removal/",
        routing.rule_removal,
        name="routing_rule_removal",
    ),
    path(
        "payments/routing/<int:version>/trial/",
        routing.policy_trial,
        name="routing_policy_trial",
    ),
    path(
        "payments/routing/<int:version>/trial-end/",
        routing.policy_trial_end,
        name="routing_policy_trial_end",
    ),
    path(
        "payments/routing/<int:version>/activation/",
        routing.policy_activation,
        name="routing_policy_activation",
    ),
    path(
        "payments/<uuid:payment_id>/flight-recorder/",
        flight_recorder.flight_recorder,
        name="flight_recorder",
    ),
    path("payments/<uuid:payment_id>/", payments.payment_detail, name="payment_detail"),
    path("payments/<uuid:payment_id>/look/", payments.payment_look, name="payment_look"),
    path("payments/<uuid:payment_id>/attempt/", payments.payment_attempt, name="payment_attempt"),
    path("payments/<uuid:payment_id>/refunds/", payments.refund_create, name="refund_create"),
    path("stripe/webhook/<uuid:uuid>/", webhooks.stripe_events, name="stripe_events"),
    path("gateways/<str:gateway>/events/", gateway_events.gateway_events, name="gateway_events"),
    path("webhook-events/", gateway_events.webhook_event_list, name="webhook_event_list"),
    path(
        "webhook-events/<int:event_id>/replays/",
        gateway_events.webhook_event_replay,
        name="webhook_event_replay",
    ),
]
