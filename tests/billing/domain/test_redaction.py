"""What is kept of requests and answers holds no card number, key or address."""

import pytest

from billing.domain.redaction import masked, redacted


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("card 4242424242424242 declined", "card [number] declined"),
        ("card 4242 4242 4242 4242 declined", "card [number] declined"),
        ("card4242-4242-4242-4242x", "card[number]x"),
        ("01a21646-1786-7581-9348-85ea4e9db995:1", "01a21646-1786-7581-9348-85ea4e9db995:1"),
        ("key sk_test_abcdefgh1234 is wrong", "key [key] is wrong"),
        ("mail a.b@example.com", "mail [address]"),
        ("99.00 USD for INV-000001", "99.00 USD for INV-000001"),
    ],
)
def test_secrets_are_taken_out_and_the_rest_is_kept(text: str, kept: str) -> None:
    assert redacted(text) == kept


def test_a_token_keeps_its_last_four_characters_only() -> None:
    assert masked("pm_1234567890abcd") == "…abcd"
    assert masked("short") == "…"
