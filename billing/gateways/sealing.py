"""Sealing what must not lie about in the clear: account numbers, and files that hold them.

Fernet: AES in CBC mode with a MAC, so that what was changed does not open. Keys are made of the
texts in SEALING_KEYS; the first seals, all of them open.
"""

import hashlib
import hmac
from base64 import urlsafe_b64encode

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings

from tiktoktoe.kernel.errors import InvariantViolation


def seal(text: str) -> str:
    """Text that only whoever has the key can read."""
    return _fernet().encrypt(text.encode()).decode()


def unseal(sealed: str) -> str:
    """What was sealed.

    Raises:
        InvariantViolation: If none of the keys opens it, or it was changed.
    """
    try:
        return _fernet().decrypt(sealed.encode()).decode()
    except InvalidToken as error:
        raise InvariantViolation(
            "a sealed value does not open: is the key that sealed it still in SEALING_KEYS?"
        ) from error


def mark_of(text: str) -> str:
    """The same for the same text, and no way back: by the oldest key, which marks were made by."""
    return hmac.new(_key(settings.SEALING_KEYS[-1]), text.encode(), hashlib.sha256).hexdigest()


def _fernet() -> MultiFernet:
    return MultiFernet([Fernet(urlsafe_b64encode(_key(text))) for text in settings.SEALING_KEYS])


def _key(text: str) -> bytes:
    return hashlib.sha256(b"sealing:" + text.encode()).digest()
