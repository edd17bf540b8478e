"""Tables of what is owed and what was paid."""

from billing.models.announcements import Announcement, Announcing, Notice, NoticeRefusal
from billing.models.authentication import ExemptionRule
from billing.models.bank import (
    BankDelivery,
    BankEntry,
    BankFile,
    BankOrder,
    Mandate,
    MandateEvent,
    PaymentReturn,
)
from billing.models.bank_charges import BankCharge
from billing.models.bank_returns import UnclearReturn
from billing.models.corrections import OutcomeCorrection
from billing.models.coupons import Coupon, CouponRedemption, CouponUse
from billing.models.credit_balance import CreditBalance, CreditEntry
from billing.models.credit_notes import CreditNote, CreditNoteLine
from billing.models.dated_changes import DatedChange
from billing.models.disputes import (
    Dispute,
    DisputeAnswer,
    DisputeEntry,
    DisputeReminder,
    DisputeRule,
)
from billing.models.downloads import CustomerDownload
from billing.models.draft_boundaries import DraftBoundary
from billing.models.dry_runs import DryRun, DryRunChunk, DryRunFailure, DryRunInvoice
from billing.models.dunning import (
    DunningAct,
    DunningCampaign,
    DunningEvent,
    DunningRule,
    DunningRun,
    DunningStep,
)
from billing.models.event_anchors import EventAnchor
from billing.models.fees import ProcessorFeeRule
from billing.models.foreign_fees import ForeignFee
from billing.models.gateway_calls import GatewayCall
from billing.models.gateway_clocks import GatewayClock
from billing.models.gateway_mandates import GatewayMandate
from billing.models.invoice_events import InvoiceEvent
from billing.models.invoices import Invoice, InvoiceLine
from billing.models.invoicing_terms import InvoicePart, InvoicingTerms
from billing.models.late_usage import LateUsage
from billing.models.method_events import MethodEvent
from billing.models.numbering import CustomerNumber, NumberingRule, NumberSeries
from billing.models.operations import PaymentOperation
from billing.models.outcome_claims import OutcomeClaim
from billing.models.overdue import (
    BlockedTime,
    DunningRequest,
    DunningSeries,
    DunningThreshold,
    OverdueChange,
    OverdueState,
)
from billing.models.pay_links import PayLink
from billing.models.payment_methods import GatewayCustomer, PaymentMethod
from billing.models.payments import Payment, PaymentAttempt, PaymentEvent, Refund
from billing.models.plan_changes import PlanChange
from billing.models.planned_starts import PlannedAddOn, PlannedStart, PlannedStartEvent
from billing.models.price_moves import PriceMove, PriceMoveRow
from billing.models.retention import OfferMade, RetentionOffer
from billing.models.reviews import PaymentLimit, PaymentReview
from billing.models.routing import (
    GatewayHealth,
    InstrumentToken,
    OutcomeStatistic,
    PaymentDecision,
    RoutingPolicy,
    RoutingRule,
)
from billing.models.runs import BillingFailure, BillingRun
from billing.models.staff import StaffDigest
from billing.models.tax_rates import TaxRate
from billing.models.thresholds import ThresholdCrossing
from billing.models.unused_credits import UnusedCredit
from billing.models.usage_alerts import UsageAlert, UsageBudget
from billing.models.wallets import PrepaidCredit, PrepaidEntry, TopUp, Wallet
from billing.models.webhooks import EventCursor, WebhookEvent
from billing.models.webhooks_out import WebhookDelivery, WebhookEndpoint, WebhookTry

__all__ = [
    "Announcement",
    "Announcing",
    "BankCharge",
    "BankDelivery",
    "BankEntry",
    "BankFile",
    "BankOrder",
    "BillingFailure",
    "BillingRun",
    "BlockedTime",
    "Coupon",
    "CouponRedemption",
    "CouponUse",
    "CreditBalance",
    "CreditEntry",
    "CreditNote",
    "CreditNoteLine",
    "CustomerDownload",
    "CustomerNumber",
    "DatedChange",
    "Dispute",
    "DisputeAnswer",
    "DisputeEntry",
    "DisputeReminder",
    "DisputeRule",
    "DraftBoundary",
    "DryRun",
    "DryRunChunk",
    "DryRunFailure",
    "DryRunInvoice",
    "DunningAct",
    "DunningCampaign",
    "DunningEvent",
    "DunningRequest",
    "DunningRule",
    "DunningRun",
    "DunningSeries",
    "DunningStep",
    "DunningThreshold",
    "EventAnchor",
    "EventCursor",
    "ExemptionRule",
    "ForeignFee",
    "GatewayCall",
    "GatewayClock",
    "GatewayCustomer",
    "GatewayHealth",
    "GatewayMandate",
    "InstrumentToken",
    "Invoice",
    "InvoiceEvent",
    "InvoiceLine",
    "InvoicePart",
    "InvoicingTerms",
    "LateUsage",
    "Mandate",
    "MandateEvent",
    "MethodEvent",
    "Notice",
    "NoticeRefusal",
    "NumberSeries",
    "NumberingRule",
    "OfferMade",
    "OutcomeClaim",
    "OutcomeCorrection",
    "OutcomeStatistic",
    "OverdueChange",
    "OverdueState",
    "PayLink",
    "Payment",
    "PaymentAttempt",
    "PaymentDecision",
    "PaymentEvent",
    "PaymentLimit",
    "PaymentMethod",
    "PaymentOperation",
    "PaymentReturn",
    "PaymentReview",
    "PlanChange",
    "PlannedAddOn",
    "PlannedStart",
    "PlannedStartEvent",
    "PrepaidCredit",
    "PrepaidEntry",
    "PriceMove",
    "PriceMoveRow",
    "ProcessorFeeRule",
    "Refund",
    "RetentionOffer",
    "RoutingPolicy",
    "RoutingRule",
    "StaffDigest",
    "TaxRate",
    "ThresholdCrossing",
    "TopUp",
    "UnclearReturn",
    "UnusedCredit",
    "UsageAlert",
    "UsageBudget",
    "Wallet",
    "WebhookDelivery",
    "WebhookEndpoint",
    "WebhookEvent",
    "WebhookTry",
]
