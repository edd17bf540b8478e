"""Addresses of subscriptions."""

from django.urls import path

from subscriptions.views import catalog, customers, events_api, subscriptions

urlpatterns = [
    path("api/v1/events", events_api.events, name="events_api"),
    path("customers/", customers.customer_list, name="customer_list"),
    path("customers/new/", customers.customer_create, name="customer_create"),
    path("customers/<int:customer_id>/", customers.customer_detail, name="customer_detail"),
    path("customers/<int:customer_id>/edit/", customers.customer_edit, name="customer_edit"),
    path("catalog/", catalog.plan_list, name="plan_list"),
    path("catalog/<slug:code>/", catalog.plan_detail, name="plan_detail"),
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
