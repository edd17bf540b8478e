"""What a customer agrees to with a SEPA mandate, in their language.

Source: the wording that the scheme prescribes for mandates (EPC208-08 and EPC's translations), held
on 26 November 2026 against gocardless.com/en-us/guides/sepa/mandate-contents and docsbay.net/
sepa-direct-debit-mandate (English), gocardless.com/de/handbuch/sepa/mandate-inhalt and
support.linear-software.de/382563 (German), banquepopulaire.fr, "mandat de prélèvement SEPA"
(French). The last sentence, on the statement of rights, was found in English only.
"""

from collections.abc import Mapping

_CONSENTS: Mapping[str, str] = {
    "en": (
        "By signing this mandate form, you authorise (A) {creditor} to send instructions to your "
        "bank to debit your account and (B) your bank to debit your account in accordance with "
        "the instructions from {creditor}. As part of your rights, you are entitled to a refund "
        "from your bank under the terms and conditions of your agreement with your bank. A refund "
        "must be claimed within 8 weeks starting from the date on which your account was debited. "
        "Your rights are explained in a statement that you can obtain from your bank."
    ),
    # ACH: Regulation E, 12 CFR 1005.10(b), wants a readily identifiable authorization that says how
    # to withdraw it; the words are ours.
    "us": (
        "I authorize {creditor} to debit my account at the bank named here electronically for the "
        "amounts that I owe it, and to correct errors by credits and debits. This authorization "
        "stays in force until I withdraw it, in the portal or in writing."
    ),
    "de": (
        "Ich ermächtige (A) {creditor}, Zahlungen von meinem Konto mittels Lastschrift "
        "einzuziehen. Zugleich (B) weise ich mein Kreditinstitut an, die von {creditor} auf mein "
        "Konto gezogenen Lastschriften einzulösen. Hinweis: Ich kann innerhalb von acht Wochen, "
        "beginnend mit dem Belastungsdatum, die Erstattung des belasteten Betrages verlangen. Es "
        "gelten dabei die mit meinem Kreditinstitut vereinbarten Bedingungen. Meine Rechte sind in "
        "einem Merkblatt enthalten, das ich von meinem Kreditinstitut erhalten kann."
    ),
    "fr": (
        "En signant ce formulaire de mandat, vous autorisez (A) {creditor} à envoyer des "
        "instructions à votre banque pour débiter votre compte, et (B) votre banque à débiter "
        "votre compte conformément aux instructions de {creditor}. Vous bénéficiez du droit "
        "d'être remboursé par votre banque suivant les conditions décrites dans la convention que "
        "vous avez passée avec elle. Une demande de remboursement doit être présentée dans les 8 "
        "semaines suivant la date de débit de votre compte. Vos droits sont expliqués dans un "
        "document que vous pouvez obtenir auprès de votre banque."
    ),
}
_NOTICES: Mapping[str, str] = {
    "en": "You are told of each debit at least {days} days before it is due.",
    "us": "I am told of each debit at least {days} days before.",
    "de": "Jede Lastschrift wird mindestens {days} Tage vor Fälligkeit angekündigt.",
    "fr": "Chaque prélèvement vous est annoncé au moins {days} jours avant son échéance.",
}
# Where a gateway debits, its own days count; what we say ourselves is the invoice.
_INVOICES: Mapping[str, str] = {
    "en": "You are told of each debit by its invoice.",
    "us": "I am told of each debit by its invoice.",
    "de": "Jede Lastschrift wird mit ihrer Rechnung angekündigt.",
    "fr": "Chaque prélèvement vous est annoncé par sa facture.",
}


def consent_language(locale: str) -> str:
    """Which of the languages somebody of a locale reads; English where none is theirs."""
    language = locale[:2].lower()
    return language if language in _CONSENTS else "en"


def consent_text(*, language: str, creditor: str, days: int | None) -> str:
    """What is agreed to; without days where a gateway debits for us."""
    notice = _INVOICES[language] if days is None else _NOTICES[language].format(days=days)
    return f"{_CONSENTS[language].format(creditor=creditor)} {notice}"
