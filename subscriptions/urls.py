"""Addresses of subscriptions."""

from django.urls import path

from subscriptions.views import catalog, customers, event_sources, events_api, subscriptions, usage

urlpatterns = [
    path("api/v1/events", events_api.events, name="events_api"),
    path("customers/", customers.customer_list, name="customer_list"),
    path("customers/new/", customers.customer_create, name="customer_create"),
    path("customers/<int:customer_id>/", customers.customer_detail, name="customer_detail"),
    path("customers/<int:customer_id>/edit/", customers.customer_edit, name="customer_edit"),
    path("catalog/", catalog.plan_list, name="plan_list"),
    path("catalog/<slug:code>/", catalog.plan_detail, name="plan_detail"),
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
