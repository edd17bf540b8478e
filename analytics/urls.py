"""Addresses of analytics."""

from django.urls import path

from analytics.views import overview, search

urlpatterns = [
    path("overview/", overview.overview, name="overview"),
    path("overview/mrr/", overview.mrr, name="mrr"),
    path("search/", search.search, name="search"),
]
