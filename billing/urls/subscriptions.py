"""Addresses of what is agreed with customers: plans, changes, credit and coupons."""

from django.urls import path

from billing.views import (
    add_ons,
    clocks_api,
    coupons,
    customer_credit,
    customer_invoicing,
    customer_money,
    dated_changes,
    lifecycle,
    moving_in,
    one_off,
    plan_changes,
    plan_versions,
    planned_starts,
    price_moves,
    retention,
    signup,
    statements,
    timeline,
    wallets,
)

urlpatterns = [
    path("billing/price-moves/", price_moves.price_move_list, name="price_move_list"),
    path("billing/price-moves/new/", price_moves.price_move_create, name="price_move_create"),
    path("billing/price-moves/<int:move_id>/", price_moves.price_move, name="price_move"),
    path(
        "billing/price-moves/<int:move_id>/undo/",
        price_moves.price_move_undo,
        name="price_move_undo",
    ),
    path("api/v1/clocks/<slug:code>/advance", clocks_api.clock_advance, name="clock_advance_api"),
    path("customers/moving-in/", moving_in.moving_in, name="moving_in"),
    path("customers/moving-in/belongings/", moving_in.belongings, name="moving_in_belongings"),
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
    path(
        "customers/<int:customer_id>/credit/", customer_credit.credit_detail, name="credit_detail"
    ),
    path("customers/<int:customer_id>/charges/new/", one_off.one_off_create, name="one_off_create"),
    path(
        "customers/<int:customer_id>/invoicing/",
        customer_invoicing.customer_invoicing,
        name="customer_invoicing",
    ),
    path("customers/<int:customer_id>/wallets/", wallets.wallet_detail, name="wallet_detail"),
    path(
        "customers/<int:customer_id>/money/",
        customer_money.customer_money,
        name="customer_money",
    ),
    path(
        "customers/<int:customer_id>/timeline/",
        timeline.customer_timeline,
        name="customer_timeline",
    ),
    path("wallets/<int:wallet_id>/top-up/", wallets.wallet_top_up_rule, name="wallet_top_up_rule"),
    path("wallets/<int:wallet_id>/scope/", wallets.wallet_scope, name="wallet_scope"),
    path("wallets/<int:wallet_id>/void/", wallets.wallet_void, name="wallet_void"),
    path("coupons/", coupons.coupon_list, name="coupon_list"),
    path("coupons/new/", coupons.coupon_create, name="coupon_create"),
    path("coupons/<slug:code>/", coupons.coupon_detail, name="coupon_detail"),
    path("coupons/<slug:code>/archiving/", coupons.coupon_archiving, name="coupon_archiving"),
    path("retention-offers/", retention.retention_offer_list, name="retention_offer_list"),
    path(
        "retention-offers/<int:offer_id>/end/",
        retention.retention_offer_end,
        name="retention_offer_end",
    ),
    path(
        "coupon-redemptions/<int:redemption_id>/withdrawal/",
        coupons.redemption_withdrawal,
        name="redemption_withdrawal",
    ),
    path(
        "customers/<int:customer_id>/statement/",
        statements.statement_detail,
        name="statement_detail",
    ),
    path(
        "customers/<int:customer_id>/statement.csv",
        statements.statement_csv,
        name="statement_csv",
    ),
    path(
        "customers/<int:customer_id>/statement.pdf",
        statements.statement_document,
        name="statement_pdf",
    ),
    path(
        "subscriptions/<slug:reference>/plan-change/",
        plan_changes.plan_change_create,
        name="plan_change_create",
    ),
    path(
        "subscriptions/<slug:reference>/ending/",
        lifecycle.subscription_ending,
        name="subscription_ending",
    ),
    path(
        "subscriptions/<slug:reference>/pause/",
        lifecycle.subscription_pause,
        name="subscription_pause",
    ),
    path(
        "subscriptions/<slug:reference>/pause/withdrawal/",
        lifecycle.pause_withdrawal,
        name="subscription_pause_withdrawal",
    ),
    path(
        "subscriptions/<slug:reference>/resumption/",
        lifecycle.subscription_resumption,
        name="subscription_resumption",
    ),
    path(
        "subscriptions/<slug:reference>/resumption/withdrawal/",
        lifecycle.resumption_withdrawal,
        name="subscription_resumption_withdrawal",
    ),
    path(
        "subscriptions/<slug:reference>/trial/",
        lifecycle.subscription_trial,
        name="subscription_trial",
    ),
    path(
        "subscriptions/<slug:reference>/schedule/",
        lifecycle.subscription_schedule,
        name="subscription_schedule",
    ),
    path(
        "subscriptions/<slug:reference>/next-invoices/",
        lifecycle.subscription_invoices_ahead,
        name="subscription_invoices_ahead",
    ),
    path(
        "dated-changes/<int:change_id>/withdrawal/",
        dated_changes.dated_change_withdrawal,
        name="dated_change_withdrawal",
    ),
    path(
        "customers/<int:customer_id>/planned-starts/",
        planned_starts.planned_starts,
        name="planned_starts",
    ),
    path("planned-starts/", planned_starts.planned_start_list, name="planned_start_list"),
    path(
        "planned-starts/<int:start_id>/",
        planned_starts.planned_start_detail,
        name="planned_start_detail",
    ),
    path(
        "planned-starts/<int:start_id>/withdrawal/",
        planned_starts.planned_start_withdrawal,
        name="planned_start_withdrawal",
    ),
    path(
        "plan-changes/<int:change_id>/withdrawal/",
        plan_changes.plan_change_withdrawal,
        name="plan_change_withdrawal",
    ),
    path(
        "subscriptions/<slug:reference>/add-ons/",
        add_ons.subscription_add_ons,
        name="subscription_add_ons",
    ),
]
