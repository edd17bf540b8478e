"""Settings for every environment; each value comes from env.py with a safe default."""

import secrets
from datetime import timedelta
from pathlib import Path

import django_stubs_ext

from tiktoktoe.cursors import BindingCursor
from tiktoktoe.env import (
    database_from_url,
    env_accounts,
    env_bool,
    env_int,
    env_list,
    env_secret,
    env_str,
    read_env_file,
)

django_stubs_ext.monkeypatch()  # lets admin classes be written ModelAdmin[Customer]

BASE_DIR = Path(__file__).resolve().parent.parent
read_env_file(BASE_DIR / ".env")
DATA_DIR = Path(env_str("TTT_DATA", str(BASE_DIR / ".data")))

# ── Safety ───────────────────────────────────────────────────────────────────
DEBUG = env_bool("DEBUG")
SECRET_KEY = env_secret(
    "SECRET_KEY",
    fallback_file=DATA_DIR / "secret_key",
    # A key that everybody can read would let anybody sign sessions: each process makes its own.
    insecure_default=secrets.token_urlsafe(50),
)
ALLOWED_HOSTS = env_list("ALLOWED_HOSTS", ["127.0.0.1", "localhost", "[::1]", "testserver"])
BASE_URL = env_str("BASE_URL", "http://127.0.0.1:8000")
CSRF_TRUSTED_ORIGINS = env_list("CSRF_TRUSTED_ORIGINS", [BASE_URL])
HTTPS = BASE_URL.startswith("https://")
SECURE_SSL_REDIRECT = HTTPS
SESSION_ENGINE = "tiktoktoe.accounts.sessions"
AUTHENTICATION_BACKENDS = ["tiktoktoe.accounts.backends.PeopleBackend"]
SESSION_COOKIE_SECURE = HTTPS
CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
PROXY_COUNT = env_int("PROXY_COUNT", 0)  # how many of ours stand between the world and us
if PROXY_COUNT:
    # The proxy ends TLS and tells; without one, anybody could claim to have come by it.
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = env_int("UPLOAD_MAX_BYTES", 20 * 1024 * 1024)

# ── Applications ─────────────────────────────────────────────────────────────
INSTALLED_APPS = [
    "tiktoktoe.web",
    "tiktoktoe.accounts",
    "subscriptions",
    "billing",
    "finance",
    "analytics",
    "tiktoktoe.demo",
    "tiktoktoe.simulator",
    "tiktoktoe.drill",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "djmoney",
    "djstripe",
    "django_celery_beat",
    "django_htmx",
    "heroicons",
]
MIDDLEWARE = [
    "tiktoktoe.web.middleware.SecurityHeaders",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "tiktoktoe.web.middleware.ViewerZone",
    "tiktoktoe.web.middleware.NoNulCharacters",
    "tiktoktoe.web.middleware.DefaultDeny",
    "billing.views.customer_time.CustomerTime",
]
ROOT_URLCONF = "tiktoktoe.urls"
WSGI_APPLICATION = "tiktoktoe.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "billing.views.portal_access.banners",
            ],
            "builtins": [
                "django.templatetags.static",
                "tiktoktoe.web.templatetags.icons",
                "tiktoktoe.web.templatetags.numbers",
                "tiktoktoe.web.templatetags.moments",
                "tiktoktoe.web.templatetags.pages",
            ],
        },
    },
]

# ── Database ─────────────────────────────────────────────────────────────────
DATABASES = {
    "default": database_from_url(
        env_str("DATABASE_URL", "postgresql://postgres@127.0.0.1/tiktoktoe")
    )
}
DATABASES["default"]["CONN_MAX_AGE"] = env_int("DATABASE_CONN_MAX_AGE", 60)
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
# Values go beside the statement: psycopg would spend more on writing them into it. Nothing is
# prepared, so a pooler may give each transaction another connection.
DATABASES["default"]["OPTIONS"] = {
    **DATABASES["default"]["OPTIONS"],  # type: ignore[dict-item]
    "server_side_binding": True,
    "cursor_factory": BindingCursor,
}
# The application works as a role that may not rewrite the books; migrations
# run as the owner, so they leave this empty.
DATABASE_ROLE = env_str("DATABASE_ROLE")
if DATABASE_ROLE:
    DATABASES["default"]["OPTIONS"] = {
        **DATABASES["default"]["OPTIONS"],  # type: ignore[dict-item]
        "options": f"-c role={DATABASE_ROLE}",
    }
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# ── People ───────────────────────────────────────────────────────────────────
AUTH_USER_MODEL = "accounts.User"
LOGIN_URL = "sign_in"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "sign_in"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]

# ── Language and time ────────────────────────────────────────────────────────
LANGUAGE_CODE = "en"
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

# ── Static files ─────────────────────────────────────────────────────────────
STATIC_URL = "static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.FileSystemFinder",
    "django.contrib.staticfiles.finders.AppDirectoriesFinder",
    "tiktoktoe.web.finders.PackageFinder",
]
# Names with a hash of the content, to be kept for ever; collectstatic makes them.
WHITENOISE_KEEP_ONLY_HASHED_FILES = True  # nothing is asked for by another name
HASHED_STATIC = "whitenoise.storage.CompressedManifestStaticFilesStorage"
PLAIN_STATIC = "django.contrib.staticfiles.storage.StaticFilesStorage"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": PLAIN_STATIC if DEBUG else HASHED_STATIC},
}
STYLEGUIDE = DEBUG  # /styleguide/, a page with every component

# ── Money ────────────────────────────────────────────────────────────────────
DEFAULT_CURRENCY = "USD"
CURRENCIES = ("USD", "EUR", "GBP", "CHF", "JPY", "KWD", "CAD", "AUD", "SEK", "DKK", "NOK", "PLN")

# ── Usage ────────────────────────────────────────────────────────────────────
USAGE_LATE_DAYS = env_int("USAGE_LATE_DAYS", 35)
USAGE_FUTURE_SECONDS = env_int("USAGE_FUTURE_SECONDS", 300)
USAGE_BATCH_MAX_EVENTS = env_int("USAGE_BATCH_MAX_EVENTS", 10_000)

# ── Invoices ─────────────────────────────────────────────────────────────────
COMPANY = {
    "name": env_str("COMPANY_NAME", "Noughts & Crosses GmbH"),
    "address": env_str("COMPANY_ADDRESS", "Torstraße 3, 10119 Berlin, Germany"),
    "country": env_str("COMPANY_COUNTRY", "DE"),
    "tax_number": env_str("COMPANY_TAX_NUMBER", "DE136695976"),
    "email": env_str("COMPANY_EMAIL", "billing@noughts.example"),
    "bank": env_str("COMPANY_BANK", "IBAN DE89 3704 0044 0532 0130 00"),
}
TAX_ROUNDING = env_str("TAX_ROUNDING", "per_invoice")  # or per_line, per_document
TAX_ENGINE_URL = env_str("TAX_ENGINE_URL", "")
TAX_ENGINE_KEY = env_str("TAX_ENGINE_KEY", "")
TAX_ENGINE_TIMEOUT_SECONDS = env_int("TAX_ENGINE_TIMEOUT_SECONDS", 10)
TAX_ENGINE_PREVIEW_SECONDS = env_int("TAX_ENGINE_PREVIEW_SECONDS", 3)
REHEARSAL_MILLISECONDS = env_int("REHEARSAL_MILLISECONDS", 500)
INVOICE_DUE_DAYS = env_int("INVOICE_DUE_DAYS", 14)
INVOICE_REVIEW_DAYS = env_int("INVOICE_REVIEW_DAYS", 0)
INVOICE_PREFIX = env_str("INVOICE_PREFIX", "INV-")
CREDIT_NOTE_PREFIX = env_str("CREDIT_NOTE_PREFIX", "CN-")
BILLING_CHUNK_SIZE = env_int("BILLING_CHUNK_SIZE", 1000)
BILLING_WORKERS = env_int("BILLING_WORKERS", 2)  # how many Celery tasks share a billing run

# ── Payments ─────────────────────────────────────────────────────────────────
STRIPE_LIVE_MODE = env_bool("STRIPE_LIVE_MODE")
STRIPE_TEST_SECRET_KEY = env_secret(
    "STRIPE_TEST_SECRET_KEY", insecure_default="sk_test_" + "sandbox0" * 4
)
STRIPE_LIVE_SECRET_KEY = env_secret("STRIPE_LIVE_SECRET_KEY")
STRIPE_API_VERSION = "2026-05-27.dahlia"
# Whoever brings a key means Stripe itself; without one it is the sandbox of `make run`.
HAS_STRIPE_KEY = STRIPE_LIVE_MODE or bool(env_str("STRIPE_TEST_SECRET_KEY"))
STRIPE_API_HOST = env_str("STRIPE_API_HOST", "" if HAS_STRIPE_KEY else "http://127.0.0.1:8430")
if not STRIPE_API_HOST:
    del STRIPE_API_HOST
STRIPE_TIMEOUT_SECONDS = env_int("STRIPE_TIMEOUT_SECONDS", 20)
DJSTRIPE_FOREIGN_KEY_TO_FIELD = "id"
GATEWAY_TIMEOUT_SECONDS = env_int("GATEWAY_TIMEOUT_SECONDS", 20)  # of the others
# Beyond this nothing is charged: a gateway's clock and ours differ by too much.
CLOCK_SKEW_MAX_SECONDS = env_int("CLOCK_SKEW_MAX_SECONDS", 300)
CLOCK_SKEW_MAX = timedelta(seconds=CLOCK_SKEW_MAX_SECONDS)
WEBHOOK_BODIES_KEPT_DAYS = env_int("WEBHOOK_BODIES_KEPT_DAYS", 90)
# What is not configured is absent. Names are what payments and methods are kept under.
GATEWAYS: dict[str, dict[str, str]] = {
    "stripe": {"kind": "stripe"},
    **env_accounts(
        "adyen",
        env_list("ADYEN_ACCOUNTS", ["adyen"]),
        *("API_KEY", "MERCHANT_ACCOUNT", "HMAC_KEY", "API_HOST", "REPORT_HOST", "DISPUTES_HOST"),
    ),
    **env_accounts(
        "paypal",
        env_list("PAYPAL_ACCOUNTS", ["paypal"]),
        *("CLIENT_ID", "SECRET", "WEBHOOK_ID", "API_HOST"),
    ),
    **env_accounts(
        "bank",
        env_list("BANK_ACCOUNTS", ["bank"]),
        *(
            "IBAN",
            "HOLDER",
            "BIC",
            "CREDITOR_ID",
            "OUT_FOLDER",
            "IN_FOLDER",
            "CUT_OFF",
            "TIME_ZONE",
            "NOTICE_DAYS",
        ),
    ),
}
GATEWAYS |= env_accounts(
    "nacha",
    env_list("NACHA_ACCOUNTS", ["nacha"]),
    *(
        "COMPANY_ID",
        "HOLDER",
        "ROUTING_NUMBER",
        "ACCOUNT",
        "ACCOUNT_ALIAS",
        "OUT_FOLDER",
        "IN_FOLDER",
        "CUT_OFF",
        "TIME_ZONE",
        "NOTICE_DAYS",
    ),
)
# What account numbers are sealed with, the newest first; the others only open what they sealed.
SEALING_KEYS = env_list("SEALING_KEYS", []) or [SECRET_KEY]
# The pages may send a form on to the hosted payment page, or to the bank's question about a card.
CSP_FORM_ACTION = env_list(
    "CSP_FORM_ACTION",
    [
        "https://checkout.stripe.com",
        "https://hooks.stripe.com",
        "https://*.adyen.link",
        "https://*.adyen.com",
        "https://*.paypal.com",
    ],
)
SILENCED_SYSTEM_CHECKS = ["djstripe.W002"]  # a local API host is meant

# ── E-mail and webhooks to others ────────────────────────────────────────────
EMAIL_HOST = env_str("EMAIL_HOST")
EMAIL_PORT = env_int("EMAIL_PORT", 587)
EMAIL_HOST_USER = env_str("EMAIL_HOST_USER")
EMAIL_HOST_PASSWORD = env_str("EMAIL_HOST_PASSWORD")
EMAIL_USE_TLS = env_bool("EMAIL_USE_TLS", default=True)
EMAIL_TIMEOUT = env_int("EMAIL_TIMEOUT_SECONDS", 20)
DEFAULT_FROM_EMAIL = env_str("EMAIL_FROM", COMPANY["email"])
# Without a mail server each message becomes a file.
EMAIL_BACKEND = f"django.core.mail.backends.{'smtp' if EMAIL_HOST else 'filebased'}.EmailBackend"
EMAIL_FILE_PATH = DATA_DIR / "mail"
WEBHOOK_KEY = env_secret("WEBHOOK_KEY") or SECRET_KEY
WEBHOOK_TIMEOUT_SECONDS = env_int("WEBHOOK_TIMEOUT_SECONDS", 10)
WEBHOOKS_ALLOW_PRIVATE = env_bool("WEBHOOKS_ALLOW_PRIVATE")

# ── Background work ──────────────────────────────────────────────────────────
CELERY_BROKER_URL = env_str("CELERY_BROKER_URL", "redis://127.0.0.1:6379/0")
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ALWAYS_EAGER = env_bool("CELERY_TASK_ALWAYS_EAGER")
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 3600}

# ── Logging ──────────────────────────────────────────────────────────────────
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": "tiktoktoe.web.logs.FactsFormatter",
            "format": "%(asctime)s %(levelname)s %(name)s %(message)s",
        }
    },
    "filters": {"happened": {"()": "tiktoktoe.kernel.rehearsal.WhatHappened"}},
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": "line",
            "filters": ["happened"],
        }
    },
    "root": {"handlers": ["console"], "level": env_str("LOG_LEVEL", "INFO")},
    # A line for every request to a gateway says little and costs much.
    "loggers": {"stripe": {"level": "WARNING"}, "httpx": {"level": "WARNING"}},
}
