"""Addresses of customers' own pages."""

from django.urls import path

from billing.views import (
    add_ons,
    documents,
    downloads,
    notices,
    pay_links,
    portal,
    portal_changes,
    portal_credit,
    portal_explained,
    portal_going_on,
    portal_mandates,
    portal_methods,
    portal_starts,
    retention,
    sign_up,
    statements,
)

urlpatterns = [
    path("sign-up/", sign_up.sign_up, name="sign_up"),
    path("portal/downloads/", downloads.portal_downloads, name="portal_downloads"),
    path("portal/downloads/new/", downloads.portal_download_create, name="portal_download_create"),
    path("portal/downloads/<uuid:download_id>/", downloads.portal_download, name="portal_download"),
    path("portal/credit/", portal_credit.portal_credit, name="portal_credit"),
    path(
        "portal/wallets/<int:wallet_id>/top-up/",
        portal_credit.portal_top_up,
        name="portal_top_up",
    ),
    path(
        "portal/subscriptions/<slug:reference>/return/",
        portal_going_on.portal_return,
        name="portal_return",
    ),
    path(
        "portal/offers/<int:made_id>/acceptance/",
        retention.portal_offer_acceptance,
        name="portal_offer_acceptance",
    ),
    path(
        "portal/statements/<slug:external_id>.pdf",
        statements.portal_statement_document,
        name="portal_statement_pdf",
    ),
    path(
        "portal/invoices/<str:number>/pdf/",
        documents.portal_invoice_document,
        name="portal_invoice_pdf",
    ),
    path("portal/notices/", notices.portal_notices, name="portal_notices"),
    path(
        "portal/subscriptions/<slug:reference>/budget/",
        notices.portal_budget,
        name="portal_budget",
    ),
    path("portal/", portal.portal_home, name="portal_home"),
    path("portal/invoices/", portal.portal_invoices, name="portal_invoices"),
    path(
        "portal/subscriptions/<slug:reference>/add-ons/",
        add_ons.portal_add_ons,
        name="portal_add_ons",
    ),
    path("portal/invoices/<str:number>/", portal.portal_invoice, name="portal_invoice"),
    path("portal/invoices/<str:number>/payment/", portal.portal_pay, name="portal_pay"),
    path(
        "portal/invoices/<str:number>/lines/<uuid:line_id>/",
        portal_explained.portal_invoice_line,
        name="portal_invoice_line",
    ),
    path(
        "portal/subscriptions/<slug:reference>/plan/",
        portal_changes.portal_plan,
        name="portal_plan",
    ),
    path(
        "portal/subscriptions/<slug:reference>/plan/withdrawal/",
        portal_changes.portal_plan_withdrawal,
        name="portal_plan_withdrawal",
    ),
    path(
        "portal/subscriptions/<slug:reference>/cancellation/",
        portal_changes.portal_cancellation,
        name="portal_cancellation",
    ),
    path(
        "portal/subscriptions/<slug:reference>/cancellation/withdrawal/",
        portal_changes.portal_cancellation_withdrawal,
        name="portal_cancellation_withdrawal",
    ),
    path(
        "portal/subscriptions/<slug:reference>/pause/",
        portal_changes.portal_pause,
        name="portal_pause",
    ),
    path(
        "portal/subscriptions/<slug:reference>/resumption/",
        portal_going_on.portal_resumption,
        name="portal_resumption",
    ),
    path(
        "portal/subscriptions/<slug:reference>/resumption/withdrawal/",
        portal_going_on.portal_resumption_withdrawal,
        name="portal_resumption_withdrawal",
    ),
    path(
        "portal/subscriptions/<slug:reference>/days/<int:change_id>/withdrawal/",
        portal_going_on.portal_day_withdrawal,
        name="portal_day_withdrawal",
    ),
    path("portal/starts/<slug:start_reference>/", portal_starts.portal_start, name="portal_start"),
    path(
        "portal/starts/<slug:start_reference>/withdrawal/",
        portal_starts.portal_start_withdrawal,
        name="portal_start_withdrawal",
    ),
    path("portal/usage/", portal_explained.portal_usage, name="portal_usage"),
    path(
        "portal/subscriptions/<slug:reference>/next-invoice/",
        portal_explained.portal_next_invoice,
        name="portal_next_invoice",
    ),
    path("pay/<str:token>/", pay_links.pay_link, name="pay_link"),
    path("pay/<str:token>/payment/", pay_links.pay_link_payment, name="pay_link_payment"),
    path("portal/payments/<uuid:payment_id>/", pay_links.payment_return, name="portal_payment"),
    path(
        "portal/payment-methods/",
        portal_methods.portal_payment_methods,
        name="portal_payment_methods",
    ),
    path("portal/payment-methods/new/", portal_methods.portal_method_add, name="portal_method_add"),
    path("portal/payment-methods/mandate/", portal_mandates.portal_mandate, name="portal_mandate"),
    path(
        "portal/payment-methods/debit/", portal_mandates.portal_debit_add, name="portal_debit_add"
    ),
    path(
        "portal/payment-methods/return/",
        portal_methods.portal_method_return,
        name="portal_method_return",
    ),
    path(
        "portal/payment-methods/<int:method_id>/default/",
        portal_methods.portal_method_default,
        name="portal_method_default",
    ),
    path(
        "portal/payment-methods/<int:method_id>/removal/",
        portal_methods.portal_method_removal,
        name="portal_method_removal",
    ),
    path(
        "portal/payment-methods/<int:method_id>/second-place/",
        portal_methods.portal_token_removal,
        name="portal_token_removal",
    ),
]
