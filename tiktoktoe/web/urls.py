"""Addresses of pages that belong to no app."""

from django.conf import settings
from django.urls import path

from tiktoktoe.web import sign_in, styleguide, views

urlpatterns = [
    path("", sign_in.home, name="home"),
    path("sign-in/", sign_in.sign_in, name="sign_in"),
    path("sign-out/", sign_in.sign_out, name="sign_out"),
    path("password/", sign_in.password_change, name="password_change"),
    path("password/changed/", sign_in.password_changed, name="password_changed"),
    path("csp-reports/", views.csp_reports, name="csp_reports"),
]

if settings.STYLEGUIDE:
    urlpatterns.append(path("styleguide/", styleguide.styleguide, name="styleguide"))
