"""What is owed: invoices and their lines.

The database keeps a final invoice as it was issued (migration `0002`): once out of draft,
only its state, what has been paid or credited, and the instants of those may change.
"""

from decimal import Decimal
from typing import TYPE_CHECKING

from django.db import models
from django.db.models.functions import Upper

from billing.models.money_fields import money_field
from billing.models.runs import BillingRun
from subscriptions.models import Customer, Issuer, Price, Subscription
from tiktoktoe.kernel.clock import now
from tiktoktoe.kernel.money import Money
from tiktoktoe.kernel.periods import Period

if TYPE_CHECKING:
    from datetime import datetime

FINAL_STATES = ("open", "paid", "uncollectible", "void")
UNBILLED_STATES = ("void", "discarded")  # whose lines charged nobody
UNNUMBERED_STATES = ("draft", "discarded", "elsewhere")  # no documents of ours

# `Invoice.amount_due` of an open invoice, in SQL.
LEFT_TO_PAY = (
    models.F("total")
    - models.F("amount_credited")
    + models.F("amount_to_balance")
    - models.F("amount_from_balance")
    - models.F("amount_from_wallets")
    - models.F("amount_paid")
    + models.F("amount_refunded")
)

# The number as a creditor reference holds it, in SQL: billing.domain.creditor_references.
REFERENCE_BODY = models.Func(
    Upper("number"),
    models.Value("[^A-Z0-9]"),
    models.Value(""),
    models.Value("g"),
    function="regexp_replace",
    output_field=models.TextField(),
)


class InvoiceQuerySet(models.QuerySet["Invoice"]):
    """Named sets of invoices."""

    def final(self) -> "InvoiceQuerySet":
        """Those with a number."""
        return self.filter(state__in=FINAL_STATES)

    def collectable(self) -> "InvoiceQuerySet":
        """Final ones with something left to pay."""
        return self.filter(state="open")

    def owed(self) -> "InvoiceQuerySet":
        """Issued ones of which something is left to pay, given up or not."""
        return (
            self.filter(state__in=["open", "uncollectible"])
            .alias(left=LEFT_TO_PAY)
            .filter(left__gt=0)
        )

    def of_run(self, run_id: int) -> "InvoiceQuerySet":
        """Those of periods that were issued while a billing run went on."""
        run = BillingRun.objects.filter(pk=run_id)
        issued = self.filter(
            kind="period", finalized_at__gte=models.Subquery(run.values("started_at"))
        )
        still_on = models.Q(models.Exists(run.filter(finished_at__isnull=True)))
        before_end = models.Q(finalized_at__lte=models.Subquery(run.values("finished_at")))
        return issued.filter(still_on | before_end)

    def awaiting_tax(self) -> "InvoiceQuerySet":
        """Drafts that wait for the tax engine."""
        return self.filter(awaits_tax=True)

    def matching(self, text: str) -> "InvoiceQuerySet":
        """Those with a number or subscription of this text, or a customer that contains it."""
        if not text:
            return self
        return self.filter(
            models.Q(number__iexact=text)
            | models.Q(subscription__reference=text)
            | models.Q(
                pk__in=Invoice.objects.filter(parts__subscription__reference=text).values("pk")
            )
            | models.Q(customer__name__icontains=text)
            | models.Q(customer__email__icontains=text)
            | models.Q(customer__external_id=text)
        )

    def overdue(self, at: "datetime") -> "InvoiceQuerySet":
        """Open ones whose due day has passed; while a payment is disputed, nothing is.

        Nor is one that a bank is collecting: a debit is on its way for days, and on time.
        """
        late = self.filter(state="open", due_at__lt=at).exclude(payments__contested="disputed")
        return late.without_debit_on_its_way()

    def without_debit_on_its_way(self) -> "InvoiceQuerySet":
        """Those of which no debit is announced, filed or taken by the bank."""
        return self.exclude(
            payments__attempts__bank_order__state__in=["planned", "filed", "accepted"]
        )


class Invoice(models.Model):
    """What a customer owes for a period, or for a change of plan."""

    class State(models.TextChoices):
        DRAFT = "draft"
        OPEN = "open"
        PAID = "paid"
        UNCOLLECTIBLE = "uncollectible"
        VOID = "void"
        DISCARDED = "discarded"
        ELSEWHERE = "elsewhere", "Billed elsewhere"

    class Kind(models.TextChoices):
        PERIOD = "period"
        CHANGE = "change"
        FINAL = "final"
        THRESHOLD = "threshold", "Usage threshold"
        TOP_UP = "top_up", "Prepaid credits"
        AHEAD = "ahead", "Usage as it came"
        ONE_OFF = "one_off", "One-off charges"
        OPENING = "opening", "Billed before moving in"

    id = models.UUIDField(primary_key=True)
    number = models.CharField(max_length=32, unique=True, null=True, blank=True)
    reference = models.CharField(
        max_length=64,
        blank=True,
        default="",
        db_default="",
        help_text="its number where it was issued, of one that was billed elsewhere",
    )
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="invoices")
    subscription = models.ForeignKey(
        Subscription, on_delete=models.PROTECT, null=True, blank=True, related_name="invoices"
    )
    kind = models.CharField(max_length=16, choices=Kind.choices)
    state = models.CharField(max_length=16, choices=State.choices, default=State.DRAFT)
    currency = models.CharField(max_length=3)
    period_start = models.DateTimeField()
    period_end = models.DateTimeField()
    subtotal = money_field()
    tax = money_field()
    total = money_field()
    amount_paid = money_field()
    amount_credited = money_field()
    amount_refunded = money_field()
    amount_from_balance = money_field(help_text="paid by the customer's credit balance")
    amount_from_wallets = money_field(help_text="paid by prepaid credits")
    amount_to_balance = money_field(help_text="what credit notes put on the credit balance")
    tax_breakdown = models.JSONField(
        default=list, help_text="[{code, name, percentage, base, tax, note}] as exact strings"
    )
    awaits_tax = models.BooleanField(
        default=False, db_default=False, help_text="its tax is still to come from the tax engine"
    )
    issues_once_taxed = models.BooleanField(
        default=False,
        db_default=False,
        help_text="as soon as it has its tax",
    )
    tax_tries = models.PositiveSmallIntegerField(default=0, db_default=0)
    tax_error = models.CharField(max_length=300, blank=True, default="", db_default="")
    tax_next_at = models.DateTimeField(null=True, blank=True)
    issuer = models.ForeignKey(
        Issuer, on_delete=models.PROTECT, null=True, blank=True, related_name="invoices"
    )
    issued_by = models.JSONField(
        default=dict, db_default={}, help_text="the details of the company of ours as printed"
    )
    bill_to = models.JSONField(default=dict, help_text="the customer's details as invoiced")
    idempotency_key = models.CharField(max_length=100, unique=True)
    created_at = models.DateTimeField(default=now)
    due_days = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="days to pay it in; empty: as the company's setting says"
    )
    replaces = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="replacements"
    )
    review_until = models.DateTimeField(
        null=True, blank=True, help_text="of a draft held for people: when it is issued by itself"
    )
    finalized_at = models.DateTimeField(null=True, blank=True)
    due_at = models.DateTimeField(null=True, blank=True)
    paid_at = models.DateTimeField(null=True, blank=True)
    voided_at = models.DateTimeField(null=True, blank=True)
    written_off_at = models.DateTimeField(
        null=True, blank=True, help_text="when it was last given up"
    )

    objects = InvoiceQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(
                    state__in=UNNUMBERED_STATES,
                    number__isnull=True,
                    finalized_at__isnull=True,
                )
                | (
                    ~models.Q(state__in=UNNUMBERED_STATES)
                    & models.Q(number__isnull=False, finalized_at__isnull=False)
                ),
                name="invoice_numbered_once_finalized",
            ),
            models.CheckConstraint(
                condition=models.Q(kind="opening", state__in=UNNUMBERED_STATES)
                & ~models.Q(reference="")
                | ~models.Q(kind="opening") & ~models.Q(state="elsewhere") & models.Q(reference=""),
                name="invoice_of_elsewhere_is_an_opening_bill",
            ),
            models.CheckConstraint(
                condition=models.Q(awaits_tax=False)
                | models.Q(state="draft", tax_next_at__isnull=False),
                name="invoice_issued_with_its_tax",
            ),
            models.CheckConstraint(
                condition=models.Q(total=models.F("subtotal") + models.F("tax")),
                name="invoice_total_is_subtotal_plus_tax",
            ),
            models.CheckConstraint(
                condition=models.Q(
                    amount_paid__gte=0, amount_credited__gte=0, amount_refunded__gte=0, total__gte=0
                ),
                name="invoice_amounts_are_not_negative",
            ),
            models.CheckConstraint(
                condition=models.Q(
                    amount_from_balance__gte=0,
                    amount_from_balance__lte=models.F("total") - models.F("amount_from_wallets"),
                    amount_from_wallets__gte=0,
                    amount_to_balance__gte=0,
                    amount_to_balance__lte=models.F("amount_credited"),
                ),
                name="invoice_balance_amounts_fit",
            ),
            models.CheckConstraint(
                condition=models.Q(amount_credited__lte=models.F("total")),
                name="invoice_not_credited_above_its_total",
            ),
            models.UniqueConstraint(
                fields=["replaces"],
                condition=~models.Q(state="discarded"),
                name="invoice_replaced_once",
            ),
            models.UniqueConstraint(
                fields=["subscription", "period_start"],
                condition=models.Q(kind="period") & ~models.Q(state__in=["void", "discarded"]),
                name="invoice_once_per_subscription_and_period",
            ),
        ]
        indexes = [
            models.Index(fields=["customer", "-created_at"], name="invoice_of_customer"),
            models.Index(fields=["state", "due_at"], name="invoice_by_state"),
            models.Index(fields=["finalized_at"], name="invoice_finalized"),
            models.Index(
                fields=["tax_next_at"],
                condition=models.Q(awaits_tax=True),
                name="invoice_awaiting_tax",
            ),
            models.Index(REFERENCE_BODY, name="invoice_by_reference"),
        ]

    def __str__(self) -> str:
        return self.number or self.reference or "draft"

    @property
    def address_key(self) -> str:
        """What its page is found by: its number, or its id while it has none."""
        return self.number or str(self.pk)

    @property
    def shown_name(self) -> str:
        """What its page is called."""
        return self.number or self.reference or "Draft invoice"

    @property
    def is_final(self) -> bool:
        """Whether it has been issued."""
        return self.state in FINAL_STATES

    @property
    def shown_state(self) -> str:
        """Its state as people say it: an open one of which something is paid is part paid."""
        if self.state != self.State.OPEN:
            return str(self.state)
        used = self.amount_from_balance + self.amount_from_wallets
        kept = self.amount_paid + used - self.amount_refunded
        return "part_paid" if kept.amount > 0 else str(self.state)

    @property
    def amount_taken_off(self) -> Money:
        """What credit notes take off it; the rest of them is on the credit balance."""
        off: Money = self.amount_credited - self.amount_to_balance
        return off

    @property
    def amount_due(self) -> Money:
        """What is left to pay, never below 0: the total less what was credited, taken from the
        balance and paid, plus what was given back as money or put on the balance.

        Nothing is due on a draft, a void invoice, or one of another engine.
        """
        if self.state == self.State.VOID or self.state in UNNUMBERED_STATES:
            return Money(0, self.currency)
        return max(self._left_to_pay(), Money(0, self.currency))

    @property
    def amount_overpaid(self) -> Money:
        """What was paid beyond what was owed, and is the customer's: it can be refunded."""
        if self.state == self.State.VOID:
            kept: Money = self.amount_paid - self.amount_refunded
            return kept
        return max(-self._left_to_pay(), Money(0, self.currency))

    def _left_to_pay(self) -> Money:
        used: Money = self.amount_from_balance + self.amount_from_wallets
        given: Money = self.amount_credited + used + self.amount_paid
        given_back: Money = self.amount_to_balance + self.amount_refunded
        left: Money = self.total - given + given_back
        return left


class InvoiceLine(models.Model):
    """One charge on an invoice, with the arithmetic that made it.

    `amount` is net of tax and rounded once to the currency's minor unit; `derivation`
    holds every input and step as exact strings (billing.domain.derivation). Where the price
    includes tax, it made the amount with its tax, and net is what tax leaves of it.
    """

    class Kind(models.TextChoices):
        RECURRING = "recurring"
        USAGE = "usage"
        PRORATION_CHARGE = "proration_charge"
        PRORATION_CREDIT = "proration_credit"
        TRUE_UP = "true_up", "Minimum"
        SETUP = "setup", "Set-up fee"
        USAGE_CREDIT = "usage_credit", "Usage billed before"
        PREPAID = "prepaid", "Prepaid credits"
        ONE_OFF = "one_off", "One-off charge"

    id = models.UUIDField(primary_key=True)
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="lines")
    position = models.PositiveSmallIntegerField()
    kind = models.CharField(max_length=20, choices=Kind.choices)
    description = models.CharField(max_length=300)
    price = models.ForeignKey(Price, on_delete=models.PROTECT, null=True, related_name="+")
    subscription = models.ForeignKey(
        Subscription, on_delete=models.PROTECT, null=True, related_name="+"
    )
    period_start = models.DateTimeField()
    period_end = models.DateTimeField()
    quantity = models.DecimalField(max_digits=28, decimal_places=10, default=Decimal(1))
    unit_amount = models.DecimalField(
        max_digits=22, decimal_places=10, null=True, help_text="empty where tiers apply"
    )
    currency = models.CharField(max_length=3)
    amount = money_field()
    discount = money_field(help_text="what coupons took off; the amount is what is left")
    tax_amount = money_field()
    tax_code = models.CharField(max_length=200, blank=True)
    taxes = models.JSONField(default=list, help_text="[{code, tax}] where there are several")
    includes_tax = models.BooleanField(default=False, help_text="its price is one with tax")
    tax_category = models.CharField(
        max_length=32, blank=True, db_default="", help_text="of a line without a price"
    )
    derivation = models.JSONField(default=dict)

    objects = models.Manager["InvoiceLine"]()

    class Meta:
        ordering = ["invoice", "position"]
        constraints = [
            models.UniqueConstraint(fields=["invoice", "position"], name="line_position_once"),
        ]
        indexes = [models.Index(fields=["subscription", "period_start"], name="line_of_period")]

    def __str__(self) -> str:
        return self.description

    @property
    def charged(self) -> Money:
        """What it comes to as its price says it: with the tax that the price includes, or without.

        The discount is said the same way.
        """
        gross: Money = self.amount + self.tax_amount
        return gross if self.includes_tax else self.amount

    @property
    def period(self) -> Period:
        """What it is for."""
        return Period(self.period_start, self.period_end)
