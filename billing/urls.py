"""Addresses of billing: nouns; what changes something is a POST to a noun."""

from django.urls import path

from billing.views import (
    billing_runs,
    credit_notes,
    customer_credit,
    documents,
    invoices,
    notices,
    payments,
    plan_changes,
    plan_versions,
    portal,
    signup,
    webhook_endpoints,
)

urlpatterns = [
    path("sign-up/", signup.sign_up, name="sign_up"),
    path(
        "customers/<int:customer_id>/subscriptions/new/",
        signup.subscription_create,
        name="subscription_create",
    ),
    path("plan-versions/<int:version_id>/", plan_versions.plan_version, name="plan_version"),
    path(
        "plan-versions/<int:version_id>/copy/",
        plan_versions.plan_version_copy,
        name="plan_version_copy",
    ),
    path(
        "plan-versions/<int:version_id>/publication/",
        plan_versions.plan_version_publication,
        name="plan_version_publication",
    ),
    path(
        "plan-versions/<int:version_id>/terms/",
        plan_versions.plan_version_terms,
        name="plan_version_terms",
    ),
    path("plan-versions/<int:version_id>/prices/new/", plan_versions.price_edit, name="price_new"),
    path(
        "plan-versions/<int:version_id>/prices/<slug:code>/",
        plan_versions.price_edit,
        name="price_edit",
    ),
    path("invoices/", invoices.invoice_list, name="invoice_list"),
    path("invoices.csv", invoices.invoice_csv, name="invoice_csv"),
    path("invoices/<str:key>/", invoices.invoice_detail, name="invoice_detail"),
    path("invoices/<str:key>/pdf/", documents.invoice_document, name="invoice_pdf"),
    path(
        "invoices/<str:key>/finalization/",
        invoices.invoice_finalization,
        name="invoice_finalization",
    ),
    path("invoices/<str:key>/voiding/", invoices.invoice_voiding, name="invoice_voiding"),
    path("invoices/<str:key>/write-off/", invoices.invoice_write_off, name="invoice_write_off"),
    path(
        "invoices/<str:key>/lines/<uuid:line_id>/",
        invoices.invoice_line_detail,
        name="invoice_line_detail",
    ),
    path(
        "invoices/<str:key>/credit-notes/new/",
        credit_notes.credit_note_create,
        name="credit_note_create",
    ),
    path("credit-notes/<str:number>/", credit_notes.credit_note_detail, name="credit_note_detail"),
    path("credit-notes/<str:number>/pdf/", documents.credit_note_document, name="credit_note_pdf"),
    path(
        "credit-notes/<str:number>/refund/",
        credit_notes.credit_note_refund,
        name="credit_note_refund",
    ),
    path(
        "customers/<int:customer_id>/credit/", customer_credit.credit_detail, name="credit_detail"
    ),
    path("billing-runs/", billing_runs.billing_run_list, name="billing_run_list"),
    path("billing-runs/preview/", billing_runs.billing_run_preview, name="billing_run_preview"),
    path("billing-runs/start/", billing_runs.billing_run_start, name="billing_run_start"),
    path("billing-runs/drafts/<slug:reference>/", billing_runs.draft_create, name="draft_create"),
    path("billing-runs/<int:run_id>/", billing_runs.billing_run_detail, name="billing_run_detail"),
    path(
        "billing-failures/<int:failure_id>/release/",
        billing_runs.billing_failure_release,
        name="billing_failure_release",
    ),
    path(
        "subscriptions/<slug:reference>/plan-change/",
        plan_changes.plan_change_create,
        name="plan_change_create",
    ),
    path(
        "plan-changes/<int:change_id>/withdrawal/",
        plan_changes.plan_change_withdrawal,
        name="plan_change_withdrawal",
    ),
    path(
        "portal/invoices/<str:number>/pdf/",
        documents.portal_invoice_document,
        name="portal_invoice_pdf",
    ),
    path("payments/", payments.payment_list, name="payment_list"),
    path("payments.csv", payments.payment_csv, name="payment_csv"),
    path("payments/<uuid:payment_id>/", payments.payment_detail, name="payment_detail"),
    path("payments/<uuid:payment_id>/look/", payments.payment_look, name="payment_look"),
    path("payments/<uuid:payment_id>/attempt/", payments.payment_attempt, name="payment_attempt"),
    path("payments/<uuid:payment_id>/refunds/", payments.refund_create, name="refund_create"),
    path("notices/", notices.notice_list, name="notice_list"),
    path("notices/preview/", notices.notice_preview, name="notice_preview"),
    path("notices/preview/html/", notices.notice_preview_html, name="notice_preview_html"),
    path("notices/stop/<str:token>/", notices.notice_refusal, name="notice_refusal"),
    path("notices/<uuid:notice_id>/", notices.notice_detail, name="notice_detail"),
    path("notices/<uuid:notice_id>/html/", notices.notice_html, name="notice_html"),
    path("notices/<uuid:notice_id>/resending/", notices.notice_resend, name="notice_resend"),
    path("notices/<uuid:notice_id>/bounce/", notices.notice_bounce, name="notice_bounce"),
    path("outgoing-webhooks/", webhook_endpoints.endpoint_list, name="webhook_endpoint_list"),
    path(
        "outgoing-webhooks/deliveries/<uuid:delivery_id>/",
        webhook_endpoints.delivery_detail,
        name="webhook_delivery_detail",
    ),
    path(
        "outgoing-webhooks/deliveries/<uuid:delivery_id>/replay/",
        webhook_endpoints.delivery_replay,
        name="webhook_delivery_replay",
    ),
    path(
        "outgoing-webhooks/<slug:reference>/",
        webhook_endpoints.endpoint_detail,
        name="webhook_endpoint_detail",
    ),
    path(
        "outgoing-webhooks/<slug:reference>/state/",
        webhook_endpoints.endpoint_state,
        name="webhook_endpoint_state",
    ),
    path(
        "outgoing-webhooks/<slug:reference>/secret/",
        webhook_endpoints.endpoint_secret_renewal,
        name="webhook_secret_renewal",
    ),
    path(
        "outgoing-webhooks/<slug:reference>/replay/",
        webhook_endpoints.endpoint_replay,
        name="webhook_endpoint_replay",
    ),
    path("portal/notices/", notices.portal_notices, name="portal_notices"),
    path("portal/", portal.portal_home, name="portal_home"),
    path("portal/invoices/", portal.portal_invoices, name="portal_invoices"),
    path("portal/invoices/<str:number>/", portal.portal_invoice, name="portal_invoice"),
    path("portal/invoices/<str:number>/payment/", portal.portal_pay, name="portal_pay"),
    path("portal/payments/<uuid:payment_id>/", portal.portal_payment, name="portal_payment"),
    path("portal/payment-methods/", portal.portal_payment_methods, name="portal_payment_methods"),
    path("portal/payment-methods/new/", portal.portal_method_add, name="portal_method_add"),
    path(
        "portal/payment-methods/return/", portal.portal_method_return, name="portal_method_return"
    ),
    path(
        "portal/payment-methods/<int:method_id>/default/",
        portal.portal_method_default,
        name="portal_method_default",
    ),
    path(
        "portal/payment-methods/<int:method_id>/removal/",
        portal.portal_method_removal,
        name="portal_method_removal",
    ),
]
