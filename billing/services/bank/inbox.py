"""What a bank has sent: kept as it came, then worked off; twice the same changes nothing."""

import hashlib
import logging
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from uuid import UUID

from django.db import connection, transaction
from django.db.models import QuerySet

from billing.domain.bank_orders import FileState, OrderState, file_state_of, is_refused_copy
from billing.errors import BankMessageUnreadable, GatewayUnavailable
from billing.gateways.bank_door import Delivery
from billing.gateways.bank_messages import BankMessage, FileStatus
from billing.gateways.bank_reading import read_delivery
from billing.models import BankDelivery, BankFile, BankOrder
from billing.services.bank.banks import bank_named, bank_names
from billing.services.bank.entries import take_entries
from billing.services.bank.files import answer_file
from billing.services.bank.orders import reject_order
from billing.services.bank.returns import take_returns
from billing.services.bank.sealing import seal, unseal
from tiktoktoe.kernel.ids import uuid7
from tiktoktoe.standing import standing

logger = logging.getLogger(__name__)

TRIES_MAX = 10
TOGETHER = 50  # messages that are stored in one transaction
_LOCK = 7_305_413
_WORKED_OFF = ("state", "kind", "message_id", "result", "problem", "tries", "done_at")


def take_in(*, at: datetime) -> int:
    """Store what the banks have left for us, each message once; gives how many were new.

    A message is moved out of the bank's folder only after it is stored.
    """
    new = 0
    for name in bank_names():
        door = bank_named(name).door
        try:
            for batch in _together(door.deliveries()):
                new += _store(name, batch, at)
                for delivery in batch:
                    door.put_aside(delivery.name)
        except GatewayUnavailable as error:
            logger.warning("bank folder not read", extra={"gateway": name, "why": str(error)})
    return new


def work_off_deliveries(*, at: datetime) -> int:
    """Do what the stored messages call for, in the order they came; gives how many."""
    ids = _waiting.rows()
    for pk in ids:
        try:
            _work_off(pk, at)
        except Exception as error:  # one that fails must not keep the others from being read
            logger.exception("bank message not worked off", extra={"delivery": str(pk)})
            _note_failure(pk, error)
    return len(ids)


def _together(lying: Iterable[Delivery]) -> Iterator[list[Delivery]]:
    """Some at a time; those that lie before one that cannot be read too."""
    batch: list[Delivery] = []
    try:
        for delivery in lying:
            batch.append(delivery)
            if len(batch) == TOGETHER:
                yield batch
                batch = []
    except GatewayUnavailable:
        if batch:
            yield batch
        raise
    if batch:
        yield batch


@standing
def _waiting() -> QuerySet[BankDelivery, UUID]:
    waiting = BankDelivery.objects.filter(state=BankDelivery.State.WAITING, tries__lt=TRIES_MAX)
    return waiting.order_by("pk").values_list("pk", flat=True)


@transaction.atomic
def _store(gateway: str, batch: Sequence[Delivery], at: datetime) -> int:
    by_digest = {hashlib.sha256(delivery.body).hexdigest(): delivery for delivery in batch}
    known = BankDelivery.objects.filter(gateway=gateway, digest__in=by_digest)
    for digest in known.values_list("digest", flat=True):
        del by_digest[digest]
    rows = [
        BankDelivery(
            id=uuid7(),
            gateway=gateway,
            digest=digest,
            name=delivery.name[:255],
            body_sealed=seal(delivery.body.decode("utf-8", "replace")),
            received_at=at,
        )
        for digest, delivery in by_digest.items()
    ]
    # Another worker may be storing the same ones now: whoever comes first has them.
    BankDelivery.objects.bulk_create(rows, ignore_conflicts=True)
    return len(rows)


@transaction.atomic
def _work_off(pk: UUID, at: datetime) -> None:
    """Everything that a message calls for, in one transaction: all of it happens, or none."""
    with connection.cursor() as cursor:  # one at a time: two may tell of the same orders
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
    delivery = _locked.get(pk=pk)
    if delivery.state != BankDelivery.State.WAITING:
        return
    try:
        message = read_delivery(unseal(delivery.body_sealed).encode())
    except BankMessageUnreadable as refusal:
        delivery.state, delivery.problem = BankDelivery.State.UNREADABLE, str(refusal)[:300]
    else:
        delivery.kind, delivery.message_id = message.name, message.message_id[:70]
        results, problems = _apply(delivery, message, at)
        delivery.state = BankDelivery.State.DONE
        delivery.result = "; ".join(results)[:300] or "nothing to do"
        delivery.problem = "; ".join(problems)[:300]
    delivery.done_at = at
    delivery.tries += 1
    delivery.save(update_fields=[*_WORKED_OFF])
    if delivery.problem:
        logger.error("bank message", extra={"delivery": str(pk), "problem": delivery.problem})


@standing
def _locked(pk: UUID) -> QuerySet[BankDelivery]:
    return BankDelivery.objects.select_for_update(of=("self",)).filter(pk=pk)


def _note_failure(pk: UUID, error: Exception) -> None:
    failed = BankDelivery.objects.get(pk=pk)
    failed.tries += 1
    failed.problem = f"{type(error).__name__}: {error}"[:300]
    failed.save(update_fields=["tries", "problem"])


def _apply(
    delivery: BankDelivery, message: BankMessage, at: datetime
) -> tuple[list[str], list[str]]:
    results: list[str] = []
    problems: list[str] = []
    for status in message.statuses:
        _take_status(delivery.gateway, status, results, problems, at)
    for report in message.reports:
        take_entries(delivery, report, results, problems, at=at)
    take_returns(delivery.gateway, message.returns, results, problems, at=at)
    return results, problems


def _take_status(
    gateway: str, status: FileStatus, results: list[str], problems: list[str], at: datetime
) -> None:
    file = BankFile.objects.filter(gateway=gateway, message_id=status.message_id).first()
    if file is None:
        problems.append(f"it is about a file that is not ours: {status.message_id[:35]}")
        return
    if is_refused_copy(group_status=status.status, reason=status.reason):
        if file.sends <= 1:
            problems.append("refused as a copy, but was sent once: who else uses our names?")
        results.append("a copy was refused; the first one counts")
        return
    group = file_state_of(status.status)
    orders = {order.end_to_end_id: order for order in BankOrder.objects.filter(file=file)}
    refused = {o.end_to_end_id: (o.reason, o.text) for o in status.orders if o.is_rejected}
    if group == FileState.REJECTED and not status.orders:
        refused = dict.fromkeys(orders, (status.reason, status.text))
    unknown = refused.keys() - orders.keys()
    if unknown:
        problems.append(f"it refuses {len(unknown)} orders that are not in the file")
    done = 0
    # In one order always, so that two who do this do not wait for each other.
    for order in sorted(orders.values(), key=lambda order: order.pk):
        if order.end_to_end_id in refused:
            reason, text = refused[order.end_to_end_id]
            done += reject_order(order=order, reason=reason, text=text, at=at)
    if group is not None:
        answer_file(file=file, to_state=group, reason=f"{status.reason} {status.text}", at=at)
    if group in {FileState.ACCEPTED, FileState.PART}:
        taken = BankOrder.objects.filter(file=file, state=OrderState.FILED)
        results.append(f"{taken.update(state=OrderState.ACCEPTED)} orders taken")
    results.append(f"{done} orders refused")
