"""Bringing what was settled to a gateway's word, after it has said the opposite: by two people.

The gateway's word is the evidence: it is asked again at both steps. One person proposes, another
agrees, and only then everything moves, at once and once.
"""

import logging
from datetime import datetime

from django.db import IntegrityError, transaction

from billing.domain.attempts import Answer
from billing.domain.corrections import CorrectionWord
from billing.errors import CorrectionRefused
from billing.gateways.base import Outcome
from billing.gateways.registry import gateway_named
from billing.models import OutcomeCorrection, PaymentEvent
from billing.queries.contradictions import CONTRADICTS, Contradicted, read_contradiction
from billing.services.payments.correcting import correct
from billing.services.payments.gateway_calls import ask
from billing.services.payments.payment_events import record_event
from billing.services.payments.settling import lock_attempt
from subscriptions.services.transitions import Actor

logger = logging.getLogger(__name__)

State, Word = OutcomeCorrection.State, OutcomeCorrection.Word
_YES = frozenset({Answer.SUCCEEDED, Answer.PENDING, Answer.REQUIRES_ACTION})
_NO = frozenset({Answer.DECLINED, Answer.ABANDONED})


def propose_correction(
    *, contradiction: PaymentEvent, actor: Actor, at: datetime, note: str = ""
) -> OutcomeCorrection:
    """Propose to follow what a gateway says; nothing moves before a second person agrees.

    Talks to the gateway: wrap no transaction around it.

    Args:
        note: What was done by hand, where nothing is to be moved here.

    Raises:
        CorrectionRefused: If it is no person, it is not clear what is to be moved, the gateway
            says another thing by now, or it was proposed or corrected already.
    """
    if actor.user is None:
        raise CorrectionRefused("only a person can correct it")
    if contradiction.event != CONTRADICTS or contradiction.attempt is None:
        raise CorrectionRefused("no gateway contradicts this")
    found, by_hand = read_contradiction(contradiction), note.strip()[:300]
    if not by_hand and (found.word is None or found.is_followed):
        raise CorrectionRefused("nothing of it can be moved here: see to it, and say what was done")
    if not by_hand:
        _ensure_said_still(found, at)
    word = CorrectionWord.SEEN_TO if by_hand or found.word is None else found.word
    try:
        with transaction.atomic():
            made = OutcomeCorrection.objects.create(
                contradiction=contradiction,
                payment=found.attempt.payment,
                attempt=found.attempt,
                refund=found.refund,
                operation=found.operation,
                word=Word(word),
                currency=found.attempt.currency,
                amount=0 if by_hand else found.amount.amount,
                reference=found.reference[:255],
                note=by_hand,
                proposed_at=at,
                proposed_by=actor.user,
            )
            _note(made, "correction_proposed", actor, at)
    except IntegrityError as error:
        raise CorrectionRefused("somebody has proposed this already, or it is corrected") from error
    return made


def agree_to_correction(*, correction: OutcomeCorrection, actor: Actor, at: datetime) -> None:
    """Agree: what is here, and so the books, follow the gateway from now on.

    Talks to the gateway: wrap no transaction around it.

    Raises:
        CorrectionRefused: If it was decided, whoever agrees is the one who proposed it, the
            gateway says another thing by now, or what has happened since does not allow it.
        StateMoveNotAllowed: If what it is of cannot move there.
    """
    if actor.user is None or actor.user.pk == correction.proposed_by_id:
        raise CorrectionRefused("a second person has to agree")
    if correction.word != Word.SEEN_TO:
        _ensure_said_still(read_contradiction(correction.contradiction), at)
    try:
        with transaction.atomic():
            attempt = lock_attempt(correction.attempt)
            locked = _decide(correction, State.DONE, actor, at)
            _note(locked, "correction_made", actor, at)
            if locked.word != Word.SEEN_TO:
                correct(correction=locked, attempt=attempt, actor=actor, at=at)
    except IntegrityError as error:
        raise CorrectionRefused(
            "what has happened since does not allow it: see to it by hand, and say what was done"
        ) from error
    logger.info("correction made", extra={"correction": correction.pk})


@transaction.atomic
def refuse_correction(*, correction: OutcomeCorrection, actor: Actor, at: datetime) -> None:
    """Let a proposal count for nothing; whoever made it may take it back so.

    Raises:
        CorrectionRefused: If it was decided already, or by no person.
    """
    if actor.user is None:
        raise CorrectionRefused("only a person can decide")
    locked = _decide(correction, State.REFUSED, actor, at)
    _note(locked, "correction_refused", actor, at)


def _decide(
    correction: OutcomeCorrection, state: OutcomeCorrection.State, actor: Actor, at: datetime
) -> OutcomeCorrection:
    rows = OutcomeCorrection.objects.select_for_update(of=("self",))
    locked = rows.select_related("payment", "attempt").get(pk=correction.pk)
    if locked.state != State.OPEN:
        raise CorrectionRefused(f"this is {locked.state} already")
    locked.state, locked.decided_by, locked.decided_at = state, actor.user, at
    locked.save(update_fields=["state", "decided_by", "decided_at"])
    return locked


def _ensure_said_still(found: Contradicted, at: datetime) -> None:
    """Refuse what the gateway itself does not say any more; where it cannot tell, its event counts.

    Raises:
        CorrectionRefused: If it says another thing now.
    """
    now_said = _ask(found, at)
    is_yes, is_no = now_said.answer in _YES, now_said.answer in _NO
    able = gateway_named(found.attempt.gateway).capabilities
    if now_said.answer == Answer.NO_SUCH_REQUEST and able.look_up is not None:
        is_no = True
    if (found.word == CorrectionWord.EXECUTED and is_no) or (
        found.word == CorrectionWord.NOT_EXECUTED and is_yes
    ):
        answer = str(now_said.answer).replace("_", " ")
        raise CorrectionRefused(f"the gateway says by now: {answer}")
    told = now_said.amount
    if is_yes and told is not None and told != found.amount:
        raise CorrectionRefused(f"the gateway says by now that it is {told}")


def _ask(found: Contradicted, at: datetime) -> Outcome:
    attempt = found.attempt
    gateway, name = gateway_named(attempt.gateway), found.reference
    if found.operation is not None:  # what became of a part is not told by the hold
        return Outcome(answer=Answer.INCONCLUSIVE)
    if found.refund is not None:
        refund, name = found.refund, name or found.refund.gateway_reference
        return ask(
            gateway=attempt.gateway,
            verb="read_refund" if name else "find_refund",
            request=name or str(refund.pk),
            call=lambda: (
                gateway.read_refund(name)
                if name
                else gateway.find_refund(
                    our_reference=str(refund.pk), charge_reference=attempt.gateway_reference
                )
            ),
            at=at,
            refund=refund,
        )
    name = name or attempt.gateway_reference
    if not name:
        return Outcome(answer=Answer.INCONCLUSIVE)
    return ask(
        gateway=attempt.gateway,
        verb="read_charge",
        request=name,
        call=lambda: gateway.read_charge(name),
        at=at,
        attempt=attempt,
    )


def _note(correction: OutcomeCorrection, event: str, actor: Actor, at: datetime) -> None:
    of = correction.refund_id or correction.operation_id or correction.attempt_id
    record_event(
        payment=correction.payment,
        attempt=correction.attempt,
        event=event,
        actor=actor,
        at=at,
        details={
            "reason": correction.note or correction.get_word_display(),
            "correction": correction.pk,
            "of": str(of),
            **({"reference": correction.reference} if correction.reference else {}),
        },
    )
