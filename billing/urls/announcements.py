"""Addresses of notices and of outgoing webhooks."""

from django.urls import path

from billing.views import (
    notices,
    webhook_endpoints,
)

urlpatterns = [
    path("notices/", notices.notice_list, name="notice_list"),
    path("notices/preview/", notices.notice_preview, name="notice_preview"),
    path("notices/preview/html/", notices.notice_preview_html, name="notice_preview_html"),
    path("notices/stop/<str:token>/", notices.notice_refusal, name="notice_refusal"),
    path("notices/<uuid:notice_id>/", notices.notice_detail, name="notice_detail"),
    path("notices/<uuid:notice_id>/html/", notices.notice_html, name="notice_html"),
    path("notices/<uuid:notice_id>/resending/", notices.notice_resend, name="notice_resend"),
    path("notices/<uuid:notice_id>/bounce/", notices.notice_bounce, name="notice_bounce"),
    path("outgoing-webhooks/", webhook_endpoints.endpoint_list, name="webhook_endpoint_list"),
    path(
        "outgoing-webhooks/deliveries/<uuid:delivery_id>/",
        webhook_endpoints.delivery_detail,
        name="webhook_delivery_detail",
    ),
    path(
        "outgoing-webhooks/deliveries/<uuid:delivery_id>/replay/",
        webhook_endpoints.delivery_replay,
        name="webhook_delivery_replay",
    ),
    path(
        "outgoing-webhooks/<slug:reference>/",
        webhook_endpoints.endpoint_detail,
        name="webhook_endpoint_detail",
    ),
    path(
        "outgoing-webhooks/<slug:reference>/state/",
        webhook_endpoints.endpoint_state,
        name="webhook_endpoint_state",
    ),
    path(
        "outgoing-webhooks/<slug:reference>/secret/",
        webhook_endpoints.endpoint_secret_renewal,
        name="webhook_secret_renewal",
    ),
    path(
        "outgoing-webhooks/<slug:reference>/replay/",
        webhook_endpoints.endpoint_replay,
        name="webhook_endpoint_replay",
    ),
]
