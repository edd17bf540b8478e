"""Addresses of analytics."""

from django.urls import path

from analytics.views import overview

urlpatterns = [
    path("overview/", overview.overview, name="overview"),
    path("overview/mrr/", overview.mrr, name="mrr"),
]
