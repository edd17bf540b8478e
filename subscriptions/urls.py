"""Addresses of subscriptions."""

from django.urls import path

from subscriptions.views import (
    catalog,
    catalog_new,
    catalog_words,
    customers,
    entitlements_api,
    event_sources,
    events_api,
    features,
    invitations,
    notes,
    policies,
    subscriptions,
    usage,
)

urlpatterns = [
    path("api/v1/events", events_api.events, name="events_api"),
    path("api/v1/entitlements", entitlements_api.entitlement_list, name="entitlements_api"),
    path("customers/", customers.customer_list, name="customer_list"),
    path("customers/new/", customers.customer_create, name="customer_create"),
    path("customers/<int:customer_id>/", customers.customer_detail, name="customer_detail"),
    path("customers/<int:customer_id>/edit/", customers.customer_edit, name="customer_edit"),
    path(
        "customers/<int:customer_id>/features/",
        features.customer_features,
        name="customer_features",
    ),
    path("customers/<int:customer_id>/notes/", notes.note_create, name="note_create"),
    path("overrides/<int:override_id>/end/", features.override_end, name="override_end"),
    path("features/", features.feature_list, name="feature_list"),
    path("plan-versions/<int:version_id>/features/", features.grant_edit, name="grant_edit"),
    path("grants/<int:grant_id>/removal/", features.grant_removal, name="grant_removal"),
    path(
        "customers/<int:customer_id>/invitations/",
        invitations.invitation_create,
        name="invitation_create",
    ),
    path(
        "invitations/<uuid:invitation_id>/revocation/",
        invitations.invitation_revocation,
        name="invitation_revocation",
    ),
    path("invitations/<str:token>/", invitations.invitation_detail, name="invitation"),
    path("products/new/", catalog_new.product_create, name="product_create"),
    path("plans/new/", catalog_new.plan_create, name="plan_create"),
    path("meters/new/", catalog_new.meter_create, name="meter_create"),
    path(
        "catalog/<slug:code>/versions/new/",
        catalog_new.plan_first_version,
        name="plan_first_version",
    ),
    path("catalog/", catalog.plan_list, name="plan_list"),
    path("catalog/<slug:code>/", catalog.plan_detail, name="plan_detail"),
    path("catalog/<slug:code>/edit/", catalog_words.plan_words, name="plan_words"),
    path("products/<slug:code>/edit/", catalog_words.product_words, name="product_words"),
    path("meters/<slug:code>/edit/", catalog_words.meter_words, name="meter_words"),
    path("catalog/<slug:code>/policy/", policies.plan_policy, name="plan_policy"),
    path("usage/", usage.usage_explorer, name="usage_explorer"),
    path("usage/events/", usage.usage_event_list, name="usage_event_list"),
    path("usage/rejected/", usage.rejected_event_list, name="rejected_event_list"),
    path("usage/sources/", event_sources.event_source_list, name="event_source_list"),
    path(
        "usage/sources/<int:source_id>/revocation/",
        event_sources.event_source_revoke,
        name="event_source_revocation",
    ),
    path("subscriptions/", subscriptions.subscription_list, name="subscription_list"),
    path(
        "subscriptions/<slug:reference>/",
        subscriptions.subscription_detail,
        name="subscription_detail",
    ),
    path(
        "subscriptions/<slug:reference>/cancellation/",
        subscriptions.cancellation_create,
        name="subscription_cancellation",
    ),
    path(
        "subscriptions/<slug:reference>/cancellation/withdrawal/",
        subscriptions.cancellation_withdraw,
        name="subscription_cancellation_withdrawal",
    ),
]
