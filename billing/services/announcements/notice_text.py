"""A notice in words: subject, text and HTML, in a customer's language and time zone."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from string import Formatter
from typing import Any

from babel import Locale
from django.conf import settings
from django.core import signing
from django.template.loader import render_to_string
from django.urls import reverse

from billing.domain.announcements import NOTICE_KINDS, Attachment, NoticeKind, tidy
from billing.domain.issuing import IssuedBy
from billing.domain.notice_words import catalog_of
from billing.queries.issuers import company
from billing.services.documents.words import Wording
from tiktoktoe.kernel.rates import exact_text

REFUSAL_SALT = "notice-refusal"
ADVICE = {
    "soft_funds": "advice_funds",
    "soft_limit": "advice_funds",
    "auth_required": "advice_confirm",
    "data_fix": "advice_method",
    "hard_instrument": "advice_method",
    "hard_revoked": "advice_method",
}
PORTAL_PAGES = {
    "dunning.request": "portal_invoices",
    "payment_method.expiring": "portal_payment_methods",
    "subscription.canceled": "portal_invoices",
}
SUBSCRIPTION_PAGES = {"price.change_upcoming": "portal_plan"}


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeText:
    """What is sent."""

    subject: str
    text: str
    html: str
    refusal_url: str


def render_notice(
    *,
    kind: str,
    facts: Mapping[str, Any],
    locale: str,
    time_zone: str,
    customer_id: int,
    customer_name: str,
    url: str = "",
    sender: IssuedBy | None = None,
) -> NoticeText:
    """Put a notice into words; the same facts give the same words.

    `url` is where its link goes, instead of the portal; `sender` the company of ours that
    writes, where it is not that of the settings.
    """
    spec = NOTICE_KINDS[kind]
    catalog = catalog_of(locale)
    wording = Wording(_locale_of(locale, catalog.language), time_zone)
    writer = sender or company()
    fillings = {
        **_in_words(tidy(dict(facts)), wording),
        "customer": customer_name,
        "company": writer.name,
        "company_email": writer.email,
    }
    if kind in {"payment.failed", "payment.returned"}:
        fillings["advice"] = catalog.frame[
            ADVICE.get(str(facts.get("decline_class")), "advice_other")
        ]
    words = catalog.notices[kind]
    refusal_url = "" if spec.is_mandatory else refusal_address(customer_id, kind)
    subject = " ".join(words.subject.format_map(fillings).split())
    context = {
        "language": catalog.language,
        "subject": subject,
        "sentences": [s.format_map(fillings) for s in words.sentences if _has_all(s, fillings)],
        "link": words.link,
        "url": url or _portal_url(kind, facts),
        "refusal_url": refusal_url,
        **{name: text.format_map(fillings) for name, text in catalog.frame.items()},
        "attached": catalog.frame["attached"] if spec.attachment else "",
        "sender": " · ".join(
            " ".join(part.split()) for part in (writer.name, writer.address) if part
        ),
    }
    return NoticeText(
        subject=subject,
        text=render_to_string("notices/notice.txt", context),
        html=render_to_string("notices/notice.html", context),
        refusal_url=refusal_url,
    )


def refusal_address(customer_id: int, kind: str) -> str:
    """Where a customer stops notices of a kind; signed, so that nobody can do it for another."""
    token = signing.dumps({"customer": customer_id, "kind": kind}, salt=REFUSAL_SALT)
    return settings.BASE_URL + reverse("notice_refusal", args=[token])


def read_refusal(token: str) -> tuple[int, NoticeKind] | None:
    """Whose notices of which kind a token stops; None of a forged one, or of a mandatory kind."""
    try:
        told = signing.loads(token, salt=REFUSAL_SALT)
        spec = NOTICE_KINDS[told["kind"]]
    except (signing.BadSignature, KeyError, TypeError):
        return None
    return None if spec.is_mandatory else (int(told["customer"]), spec)


def _portal_url(kind: str, facts: Mapping[str, Any]) -> str:
    if facts.get("billed_elsewhere"):  # whose invoice is none of ours: what came of it
        return settings.BASE_URL + reverse("portal_credit")
    if facts.get("invoice") and kind not in PORTAL_PAGES:
        return settings.BASE_URL + reverse("portal_invoice", args=[facts["invoice"]])
    if facts.get("subscription") and kind in SUBSCRIPTION_PAGES:
        return settings.BASE_URL + reverse(SUBSCRIPTION_PAGES[kind], args=[facts["subscription"]])
    return settings.BASE_URL + reverse(PORTAL_PAGES.get(kind, "portal_home"))


def _in_words(facts: Mapping[str, Any], wording: Wording) -> dict[str, str]:
    """Facts as a customer reads them; those that are nothing are left out."""
    return {name: text for name, value in facts.items() if (text := _written(name, value, wording))}


def _written(name: str, value: Any, wording: Wording) -> str:
    if isinstance(value, dict):
        return wording.money(Decimal(value["amount"]), value["currency"])
    if isinstance(value, int):
        return exact_text(Decimal(value))
    if not value:
        return ""
    write = _HOW.get(name) or _HOW.get(name[-3:], lambda text, _: str(text))
    return write(value, wording)


# By name, or by how the name ends.
_HOW: dict[str, Callable[[str, Wording], str]] = {
    "_at": lambda text, wording: wording.day(datetime.fromisoformat(text)),
    "_on": lambda text, wording: wording.day(date.fromisoformat(text)),
    "past_due_from": lambda text, wording: wording.day(datetime.fromisoformat(text)),
    "period_start": lambda text, wording: wording.day(datetime.fromisoformat(text)),
    "period_end": lambda text, wording: wording.day(datetime.fromisoformat(text)),
    "used": lambda text, wording: wording.number(Decimal(text)),
    "included": lambda text, wording: wording.number(Decimal(text)),
    "percent": lambda text, wording: wording.percentage(Decimal(text)),
}


def _has_all(sentence: str, fillings: Mapping[str, str]) -> bool:
    names = [name for _, name, _, _ in Formatter().parse(sentence) if name]
    return all(fillings.get(name) for name in names)


def _locale_of(name: str, language: str) -> Locale:
    """The customer's own locale where it is of the language that is written."""
    parsed = Wording.of({"locale": name}).locale
    return parsed if parsed.language == language else Locale(language)


def attachment_of(kind: str) -> Attachment:
    """Which document goes with a notice."""
    return NOTICE_KINDS[kind].attachment
