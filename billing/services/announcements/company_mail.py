"""E-mails to the company itself."""

import logging
from collections.abc import Mapping

from django.conf import settings
from django.utils.html import escape

from billing.gateways.mail import Mail, MailRefused, MailUnavailable, send_mail

logger = logging.getLogger(__name__)


def tell_company(*, subject: str, text: str, about: Mapping[str, str], html: str = "") -> bool:
    """Write to the company; gives whether the mail server has taken it.

    Args:
        about: What the log says of one that was not taken.
        html: Its HTML, if that is more than the text.
    """
    mail = Mail(
        recipient=str(settings.COMPANY["email"]),
        sender=settings.DEFAULT_FROM_EMAIL,
        subject=subject,
        text=text,
        html=html or f'<p lang="en">{escape(text)}</p>',
        headers={"Auto-Submitted": "auto-generated"},
    )
    try:
        send_mail(mail)
    except (MailRefused, MailUnavailable):
        logger.warning("nobody could be told", extra=dict(about))
        return False
    return True
