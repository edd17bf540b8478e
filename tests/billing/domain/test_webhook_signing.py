from datetime import timedelta

import pytest

from billing.domain.webhook_signing import endpoint_secret, is_genuine, next_wait, signature

SECRET = "whsec_example"
BODY = b'{"kind":"invoice.paid"}'
AT = 1_767_225_600


def test_the_signature_of_the_documentation() -> None:
    assert signature(secret=SECRET, timestamp=AT, body=BODY) == (
        "t=1767225600,v1=9c3b49f5403ea28d1f707ee88b9b013e1e3cf032a5c57c59adf32dec4e6eee53"
    )


@pytest.mark.parametrize(
    ("secret", "body", "now"),
    [
        ("whsec_other", BODY, AT),
        (SECRET, BODY + b" ", AT),
        (SECRET, BODY, AT + 301),
        (SECRET, BODY, AT - 301),
    ],
)
def test_another_secret_body_or_an_old_request_is_not_genuine(
    secret: str, body: bytes, now: int
) -> None:
    header = signature(secret=SECRET, timestamp=AT, body=BODY)

    assert is_genuine(header=header, secret=SECRET, body=BODY, now=AT + 300)
    assert not is_genuine(header=header, secret=secret, body=body, now=now)


@pytest.mark.parametrize("header", ["", "t=1", "v1=aa", "t=x,v1=aa", "t=1767225600,v1="])
def test_a_header_that_says_nothing_is_not_genuine(header: str) -> None:
    assert not is_genuine(header=header, secret=SECRET, body=BODY, now=AT)


def test_a_secret_is_made_of_the_key_the_endpoint_and_its_salt() -> None:
    made = endpoint_secret(key="k", reference="whe_1", salt=b"s")

    assert made.startswith("whsec_")
    assert len(made) == len("whsec_") + 43
    others = [("x", "whe_1", b"s"), ("k", "whe_2", b"s"), ("k", "whe_1", b"t")]
    assert all(endpoint_secret(key=k, reference=r, salt=s) != made for k, r, s in others)


def test_waits_grow_to_days_with_a_jitter_of_up_to_a_fifth() -> None:
    waits = [next_wait(tries=n, delivery="d") for n in range(1, 12)]

    assert waits[-1] is None
    given = [wait for wait in waits if wait is not None]
    assert timedelta(seconds=30) <= given[0] <= timedelta(seconds=36)
    assert timedelta(hours=36) <= given[-1] <= timedelta(hours=43, minutes=12)
    assert given == sorted(given)
    assert sum(given, timedelta()) > timedelta(days=3)
    assert next_wait(tries=1, delivery="other") != given[0]
