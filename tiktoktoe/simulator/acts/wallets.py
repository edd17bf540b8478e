"""Wallets: opened, limited, and let buy more by themselves."""

from collections.abc import Mapping
from datetime import datetime
from typing import TypeVar

from billing.models import PrepaidEntry, Wallet
from billing.services.credit.wallet_voids import void_prepaid
from billing.services.credit.wallets import (
    TopUpRule,
    change_top_up,
    limit_wallet,
    open_wallet,
    top_up_due,
)
from subscriptions.models import Meter, Plan
from tiktoktoe.kernel.money import Money
from tiktoktoe.simulator.acts.registry import plays
from tiktoktoe.simulator.errors import ScenarioInvalid
from tiktoktoe.simulator.scenario import actions
from tiktoktoe.simulator.world import ACTOR, World

Row = TypeVar("Row", Plan, Meter)


@plays(actions.SetWallet)
def set_wallet(world: World, action: actions.SetWallet, at: datetime) -> None:
    """Open a wallet, or change what it pays for and when it buys more."""
    customer = world.customer(action)
    currency = (action.currency or customer.currency).upper()
    known = Wallet.objects.filter(customer=customer, currency=currency, name=action.wallet)
    wallet = known.first() or open_wallet(
        customer=customer,
        currency=currency,
        name=action.wallet,
        priority=10 if action.priority is None else action.priority,
        at=at,
    )
    limit_wallet(wallet=wallet, plans=_plans(action), meters=_meters(action))
    rule = TopUpRule(
        below=action.top_up_below.payable(currency) if action.top_up_below else None,
        amount=action.top_up.payable(currency) if action.top_up else None,
        every=action.top_up_every,
        first_on=action.top_up_from,
    )
    change_top_up(wallet=wallet, rule=rule, at=at)
    world.buys_credits = world.buys_credits or rule.amount is not None
    top_up_due(at=at)


@plays(actions.VoidPrepaid)
def void_credits(world: World, action: actions.VoidPrepaid, at: datetime) -> None:
    """Take credits out of a wallet."""
    customer = world.customer(action)
    currency = (action.currency or customer.currency).upper()
    known = Wallet.objects.filter(customer=customer, currency=currency, name=action.wallet)
    wallet = known.first()
    if wallet is None:
        raise ScenarioInvalid(f"{action.wallet!r} is no wallet of {customer}", action.place)
    void_prepaid(
        wallet=wallet,
        amount=None if action.amount is None else Money(action.amount.payable(currency), currency),
        reason=action.reason,
        idempotency_key=f"simulated:{PrepaidEntry.objects.count()}",
        actor=ACTOR,
        at=at,
    )


def _plans(action: actions.SetWallet) -> list[Plan]:
    rows = {plan.code: plan for plan in Plan.objects.filter(code__in=action.plans)}
    return [_known(rows, code, action) for code in action.plans]


def _meters(action: actions.SetWallet) -> list[Meter]:
    rows = {meter.code: meter for meter in Meter.objects.filter(code__in=action.meters)}
    return [_known(rows, code, action) for code in action.meters]


def _known(rows: Mapping[str, Row], code: str, action: actions.SetWallet) -> Row:
    if code not in rows:
        raise ScenarioInvalid(f"{code!r} is not in the file", action.place)
    return rows[code]
