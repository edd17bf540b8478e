"""Every address, by app."""

from importlib.util import find_spec

from django.contrib import admin
from django.urls import include, path

from tiktoktoe.web.sign_in import admin_sign_in

OWN_URLS = [
    "tiktoktoe.accounts.urls",
    "tiktoktoe.web.urls",
    "subscriptions.urls",
    "billing.urls",
    "finance.urls",
    "analytics.urls",
]

urlpatterns = [
    *(path("", include(module)) for module in OWN_URLS if find_spec(module)),
    path("admin/login/", admin_sign_in, name="admin_sign_in"),
    path("admin/", admin.site.urls),
    path("stripe/", include("djstripe.urls", namespace="djstripe")),
]
