"""E-mail leaves here, through Django's mail backend."""

from dataclasses import dataclass
from smtplib import SMTPException, SMTPRecipientsRefused, SMTPResponseException

from django.core.mail import EmailMultiAlternatives

from tiktoktoe.kernel.errors import GatewayError


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """A message, ready to be sent; `document` is a PDF with its name."""

    recipient: str
    sender: str
    subject: str
    text: str
    html: str
    headers: dict[str, str]
    document: tuple[str, bytes] | None = None


class MailRefused(GatewayError):
    """The server will never take this message."""


class MailUnavailable(GatewayError):
    """The server could not be reached, or asks to try again later."""


def send_mail(mail: Mail) -> None:
    """Hand a message to the mail server.

    What was said of the address stays out of the errors: they are logged.

    Raises:
        MailRefused: If the server will never take it.
        MailUnavailable: If it may be taken later.
    """
    message = EmailMultiAlternatives(
        subject=mail.subject,
        body=mail.text,
        from_email=mail.sender,
        to=[mail.recipient],
        headers=mail.headers,
    )
    message.attach_alternative(mail.html, "text/html")
    if mail.document is not None:
        name, content = mail.document
        message.attach(name, content, "application/pdf")
    try:
        message.send()
    except SMTPRecipientsRefused as problem:
        code = max((code for code, _ in problem.recipients.values()), default=450)
        raise _of_code(code) from None
    except SMTPResponseException as problem:
        raise _of_code(problem.smtp_code) from None
    except (SMTPException, OSError) as problem:
        raise MailUnavailable(type(problem).__name__) from None
    except ValueError as problem:  # a header that cannot be written
        raise MailRefused(type(problem).__name__) from None


def _of_code(code: int) -> GatewayError:
    """Codes from 500 on are final. Source: RFC 5321, 4.2.1."""
    kind = MailRefused if code >= 500 else MailUnavailable
    return kind(f"the mail server answered {code}")
