"""Addresses of analytics."""

from django.urls import path

from analytics.views import figures, overview, search

urlpatterns = [
    path("overview/", overview.overview, name="overview"),
    path("overview/mrr/", overview.mrr, name="mrr"),
    path("overview/cash/", figures.cash, name="cash"),
    path("overview/failed-payments/", figures.failed_payments, name="failed_payments"),
    path("search/", search.search, name="search"),
]
