"""Addresses of billing: nouns; what changes something is a POST to a noun."""

from billing.urls import announcements, invoices, payments, portal, subscriptions

urlpatterns = [
    *invoices.urlpatterns,
    *payments.urlpatterns,
    *subscriptions.urlpatterns,
    *announcements.urlpatterns,
    *portal.urlpatterns,
]
