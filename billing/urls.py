"""Addresses of billing: nouns; what changes something is a POST to a noun."""

from django.urls import path

from billing.views import portal

urlpatterns = [
    path("portal/", portal.portal_home, name="portal_home"),
    path("portal/invoices/", portal.portal_invoices, name="portal_invoices"),
    path("portal/invoices/<str:number>/", portal.portal_invoice, name="portal_invoice"),
    path("portal/invoices/<str:number>/payment/", portal.portal_pay, name="portal_pay"),
    path("portal/payments/<uuid:payment_id>/", portal.portal_payment, name="portal_payment"),
    path("portal/payment-methods/", portal.portal_payment_methods, name="portal_payment_methods"),
    path("portal/payment-methods/new/", portal.portal_method_add, name="portal_method_add"),
    path(
        "portal/payment-methods/return/", portal.portal_method_return, name="portal_method_return"
    ),
    path(
        "portal/payment-methods/<int:method_id>/default/",
        portal.portal_method_default,
        name="portal_method_default",
    ),
    path(
        "portal/payment-methods/<int:method_id>/removal/",
        portal.portal_method_removal,
        name="portal_method_removal",
    ),
]
