"""The chart of accounts that a new company starts with, as data."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class AccountType(StrEnum):
    """What a balance on the account means."""

    ASSET = "asset"
    LIABILITY = "liability"
    EQUITY = "equity"
    INCOME = "income"
    EXPENSE = "expense"


@dataclass(frozen=True, slots=True)
class ChartAccount:
    """An account as it is seeded."""

    code: str
    name: str
    type: AccountType

    @property
    def is_debit_normal(self) -> bool:
        """Whether a usual balance is a debit."""
        return self.type in {AccountType.ASSET, AccountType.EXPENSE}


BANK = "1000"
CASH_IN_TRANSIT = "1050"
GATEWAY_CLEARING = "1100"
RECEIVABLE = "1200"
DISPUTES_RECEIVABLE = "1250"
CONTRACT_ASSET = "1300"
VAT_BAD_DEBT_RELIEF = "1350"
VAT_PAYABLE = "2100"
CONTRACT_LIABILITY = "2200"
CUSTOMER_CREDIT = "2300"
PREPAID_CREDIT = "2310"
FX_CLEARING = "2900"
RETAINED_EARNINGS = "3000"
OPENING_BALANCES = "3900"
SUBSCRIPTION_REVENUE = "4000"
USAGE_REVENUE = "4010"
BREAKAGE_REVENUE = "4020"
REVENUE_REFUNDS = "4090"
PROCESSOR_FEES = "5000"
DISPUTE_FEES = "5010"
BANK_CHARGES = "5020"
BAD_DEBT = "5100"
DISPUTE_LOSSES = "5120"
FX_DIFFERENCES = "5900"

CHART: tuple[ChartAccount, ...] = (
    ChartAccount(BANK, "Bank", AccountType.ASSET),
    ChartAccount(CASH_IN_TRANSIT, "Cash in transit", AccountType.ASSET),
    ChartAccount(GATEWAY_CLEARING, "Gateway clearing", AccountType.ASSET),
    ChartAccount(RECEIVABLE, "Accounts receivable", AccountType.ASSET),
    ChartAccount(DISPUTES_RECEIVABLE, "Disputes receivable", AccountType.ASSET),
    ChartAccount(CONTRACT_ASSET, "Contract asset (unbilled usage)", AccountType.ASSET),
    ChartAccount(VAT_BAD_DEBT_RELIEF, "VAT bad-debt relief", AccountType.ASSET),
    ChartAccount(VAT_PAYABLE, "Sales tax and VAT payable", AccountType.LIABILITY),
    ChartAccount(
        CONTRACT_LIABILITY, "Contract liability (deferred revenue)", AccountType.LIABILITY
    ),
    ChartAccount(CUSTOMER_CREDIT, "Customer credit", AccountType.LIABILITY),
    ChartAccount(PREPAID_CREDIT, "Prepaid credits", AccountType.LIABILITY),
    ChartAccount(FX_CLEARING, "Currency clearing", AccountType.LIABILITY),
    ChartAccount(RETAINED_EARNINGS, "Retained earnings", AccountType.EQUITY),
    ChartAccount(OPENING_BALANCES, "Opening balances", AccountType.EQUITY),
    ChartAccount(SUBSCRIPTION_REVENUE, "Subscription revenue", AccountType.INCOME),
    ChartAccount(USAGE_REVENUE, "Usage revenue", AccountType.INCOME),
    ChartAccount(BREAKAGE_REVENUE, "Expired prepaid credits", AccountType.INCOME),
    ChartAccount(REVENUE_REFUNDS, "Credits and refunds (contra revenue)", AccountType.INCOME),
    ChartAccount(PROCESSOR_FEES, "Processor fees", AccountType.EXPENSE),
    ChartAccount(DISPUTE_FEES, "Dispute fees", AccountType.EXPENSE),
    ChartAccount(BANK_CHARGES, "Bank charges", AccountType.EXPENSE),
    ChartAccount(BAD_DEBT, "Bad debt", AccountType.EXPENSE),
    ChartAccount(DISPUTE_LOSSES, "Dispute losses", AccountType.EXPENSE),
    ChartAccount(FX_DIFFERENCES, "Currency gains and losses", AccountType.EXPENSE),
)
ACCOUNTS: Mapping[str, ChartAccount] = {account.code: account for account in CHART}
