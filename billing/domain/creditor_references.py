"""The structured reference that a payer puts on a transfer: ISO 11649, from an invoice number.

RF, two check digits by ISO 7064 MOD 97-10, and up to 21 letters and digits. A number that is
longer has none: its payer writes the number itself.

Source: ISO 11649:2009.
"""

import re
from itertools import pairwise

LONGEST = 21
_OTHER = re.compile(r"[^A-Z0-9]")
_REFERENCE = re.compile(r"RF\d\d[A-Z0-9]{1,21}")
_WORD = re.compile(r"[A-Z0-9](?:[A-Z0-9/._-]*[A-Z0-9])?")


def body_of(number: str) -> str:
    """An invoice number without what references cannot hold."""
    return _OTHER.sub("", number.upper())


def creditor_reference(number: str) -> str:
    """The reference of an invoice; empty if its number does not fit into one."""
    body = body_of(number)
    if not 0 < len(body) <= LONGEST:
        return ""
    return f"RF{98 - _remainder(body + 'RF00'):02d}{body}"


def body_of_reference(text: str) -> str:
    """What is behind RF and its check digits; empty if it is none, or mistyped."""
    written = _OTHER.sub("", text.upper())
    if not _REFERENCE.fullmatch(written) or _remainder(written[4:] + written[:4]) != 1:
        return ""
    return written[4:]


def bodies_in(text: str) -> frozenset[str]:
    """What in free text may be an invoice number or a reference, as bodies.

    Banks break lines where they like, so that words are also read joined to the next one.
    """
    words = _WORD.findall(text.upper())
    joined = [first + second for first, second in pairwise(words)]
    found = {body_of(word) for word in (*words, *joined)}
    references = {body_of_reference(word) for word in (*words, *joined)}
    # RF references are printed in groups of four.
    whole = {body_of_reference("".join(words[i : i + n])) for i in range(len(words)) for n in _LONG}
    return frozenset((found | references | whole) - {""})


_LONG = (2, 3, 4, 5, 6, 7)


def printed(reference: str) -> str:
    """As people read it: in groups of four."""
    return " ".join(reference[i : i + 4] for i in range(0, len(reference), 4))


def _remainder(text: str) -> int:
    return int("".join(str(int(letter, 36)) for letter in text)) % 97
