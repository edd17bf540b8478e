"""Idempotency keys by Stripe's rules.

Source: docs.stripe.com/api/idempotent_requests. The first answer to a key is given again, 500s
too, for 24 hours; not kept is the answer to a request that was not executed: one with invalid
parameters, or one that ran into another with the same key.
"""

from tiktoktoe.sandbox.core.idempotency import Rules
from tiktoktoe.sandbox.core.messages import Answer
from tiktoktoe.sandbox.stripe.errors import ApiError

KEY_LENGTH_MAX = 255


def _cannot_be_one() -> ApiError:
    message = f"An idempotency key has 1 to {KEY_LENGTH_MAX} characters."
    return ApiError(400, message, kind="idempotency_error")


def _is_in_use() -> ApiError:
    return ApiError(
        409,
        "Another request with this idempotency key is running.",
        kind="idempotency_error",
        code="idempotency_key_in_use",
    )


def _was_other_request() -> ApiError:
    message = "This idempotency key was used with other parameters."
    return ApiError(400, message, kind="idempotency_error")


def _was_executed(answer: Answer) -> bool:
    """Whether it was more than a look at the parameters: those errors name the parameter."""
    error = answer.body.get("error") or {}
    is_refusal = answer.status in {400, 404} and "param" in error
    return not is_refusal and answer.status not in {401, 409, 429}


RULES = Rules(
    length_max=KEY_LENGTH_MAX,
    kept_for_seconds=24 * 3600,
    cannot_be_one=_cannot_be_one,
    is_in_use=_is_in_use,
    was_other_request=_was_other_request,
    was_executed=_was_executed,
    replayed=lambda request: {"Idempotent-Replayed": "true", "Original-Request": request},
)
