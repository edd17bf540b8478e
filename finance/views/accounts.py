"""Pages of balances: the trial balance, the accounts, and one account's ledger."""

from collections import defaultdict
from datetime import UTC, date
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from finance.forms import BalanceForm, LedgerForm
from finance.models import MAIN_BOOKS, Account
from finance.queries import (
    AccountBalance,
    LedgerPosition,
    account_balances,
    currencies_used,
    trial_balance,
    unposted_documents,
)
from finance.queries import account_ledger as ledger_page
from tiktoktoe.accounts.roles import Permission
from tiktoktoe.kernel.clock import now
from tiktoktoe.web.access import requires


@require_GET
@requires(Permission.VIEW_BOOKS)
def trial_balance_page(request: HttpRequest) -> HttpResponse:
    """Every account's balance at the end of a day, in one currency, and both sums."""
    at = now()
    form = BalanceForm(request.GET, today=_today(), currencies=currencies_used())
    context: dict[str, Any] = {"form": form}
    if form.is_valid():
        context["balance"] = trial_balance(**form.cleaned_data)
    waiting = [kind for kind in unposted_documents(at=at) if kind.count]
    context["waiting"] = waiting
    context["waiting_count"] = sum(kind.count for kind in waiting)
    return render(request, "finance/trial_balance.html", context)


@require_GET
@requires(Permission.VIEW_BOOKS)
def account_list(request: HttpRequest) -> HttpResponse:
    """The chart of accounts, a row for each currency that one has moved in."""
    balances: dict[int, list[AccountBalance | None]] = defaultdict(list)
    for balance in account_balances(on=_today()):
        balances[balance.account.pk].append(balance)
    rows = [
        (account, balance)
        for account in Account.objects.filter(entity_id=MAIN_BOOKS)
        for balance in balances[account.pk] or [None]
    ]
    return render(request, "finance/account_list.html", {"rows": rows})


@require_GET
@requires(Permission.VIEW_BOOKS)
def account_ledger(request: HttpRequest, code: str) -> HttpResponse:
    """What made an account's balance, line by line."""
    account = get_object_or_404(Account, code=code, entity_id=MAIN_BOOKS)
    form = LedgerForm(request.GET, currencies=currencies_used(account))
    context: dict[str, Any] = {"account": account, "form": form}
    if form.is_valid():
        ledger = ledger_page(
            account=account, before=_position(request.GET.get("before")), **form.cleaned_data
        )
        context |= {"ledger": ledger, "currency": form.cleaned_data["currency"]}
        if ledger.older is not None:
            older = ledger.older
            context["older"] = f"{older.effective_on}_{older.entry_id}_{older.line_no}"
    return render(request, "finance/account_ledger.html", context)


def _today() -> date:
    """The day of the books; they are kept in UTC."""
    return now().astimezone(UTC).date()


def _position(text: str | None) -> LedgerPosition | None:
    """Where a page starts, as the link to it says; nonsense starts at the beginning."""
    try:
        day, entry_id, line_no = (text or "").split("_")
        return LedgerPosition(date.fromisoformat(day), UUID(entry_id), int(line_no))
    except ValueError:
        return None
