"""The double-entry ledger: entities, accounts, entries and their postings.

PostgreSQL keeps its promises (migration `0002`): an entry arrives balanced and with its
postings, in one statement, into an open period; after that nothing about it changes.
docs/ledger.md says how each promise is enforced.
"""

from django.db import models

from finance.domain.chart import AccountType
from tiktoktoe.kernel.clock import now

TYPE_CHOICES = [(kind.value, kind.value.title()) for kind in AccountType]
MAIN_BOOKS = 1  # the one entity that migrations make


class Entity(models.Model):
    """A legal entity whose books are kept; closing its months only ever moves forward."""

    name = models.CharField(max_length=200)
    functional_currency = models.CharField(max_length=3)
    closed_through = models.DateField(
        null=True, blank=True, help_text="nothing is posted on or before this day"
    )

    objects = models.Manager["Entity"]()

    class Meta:
        verbose_name_plural = "entities"
        constraints = [
            models.CheckConstraint(
                condition=models.Q(functional_currency__regex=r"^[A-Z]{3}$"),
                name="entity_currency_is_three_capitals",
            )
        ]

    def __str__(self) -> str:
        return self.name


class Account(models.Model):
    """Where amounts are kept; what it means never changes once it exists."""

    entity = models.ForeignKey(Entity, on_delete=models.PROTECT, related_name="accounts")
    code = models.CharField(max_length=16)
    name = models.CharField(max_length=200)
    type = models.CharField(max_length=16, choices=TYPE_CHOICES)
    currency = models.CharField(
        max_length=3, blank=True, help_text="the only one it takes; empty takes all"
    )

    objects = models.Manager["Account"]()

    class Meta:
        ordering = ["entity", "code"]
        constraints = [
            models.UniqueConstraint(fields=["entity", "code"], name="account_code_once_per_entity"),
            models.CheckConstraint(
                condition=models.Q(type__in=[kind.value for kind in AccountType]),
                name="account_type_is_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.name}"

    @property
    def is_debit_normal(self) -> bool:
        """Whether a usual balance is a debit."""
        return self.type in {AccountType.ASSET.value, AccountType.EXPENSE.value}


class PostingRoute(models.Model):
    """A side of a type of account that a kind of entry may use; all others are refused."""

    class Side(models.TextChoices):
        DEBIT = "debit"
        CREDIT = "credit"

    kind = models.CharField(max_length=48)
    account_type = models.CharField(max_length=16, choices=TYPE_CHOICES)
    side = models.CharField(max_length=6, choices=Side.choices)

    objects = models.Manager["PostingRoute"]()

    class Meta:
        ordering = ["kind", "account_type", "side"]
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "account_type", "side"], name="posting_route_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind}: {self.side} {self.account_type}"


class JournalEntry(models.Model):
    """One event in the books; `idempotency_key` is posted once, and `reverses` reversed once.

    `seq`, `xid` and `posted_at` are the database's own: nobody can choose them.
    """

    id = models.UUIDField(primary_key=True)
    seq = models.BigIntegerField(editable=False)
    xid = models.CharField(max_length=20, editable=False)
    entity = models.ForeignKey(
        Entity, on_delete=models.PROTECT, related_name="entries", db_constraint=False
    )
    effective_on = models.DateField()
    posted_at = models.DateTimeField(editable=False)
    kind = models.CharField(max_length=48)
    source_type = models.CharField(max_length=32)
    source_id = models.UUIDField()
    idempotency_key = models.CharField(max_length=120)
    body_hash = models.BinaryField(max_length=32)
    description = models.CharField(max_length=200)
    reverses = models.OneToOneField(
        "self", on_delete=models.PROTECT, null=True, related_name="reversed_by"
    )

    objects = models.Manager["JournalEntry"]()

    class Meta:
        managed = False
        ordering = ["-effective_on", "-id"]
        verbose_name_plural = "journal entries"

    def __str__(self) -> str:
        return self.description or self.idempotency_key


class Posting(models.Model):
    """An amount on an account, in minor units: a debit is positive, a credit negative.

    `effective_on` repeats its entry's, so that a balance on a day is one index scan;
    `functional_amount_minor` is the amount in the entity's own currency, where known.
    """

    pk = models.CompositePrimaryKey("entry_id", "line_no")
    entry = models.ForeignKey(
        JournalEntry, on_delete=models.PROTECT, related_name="postings", db_constraint=False
    )
    line_no = models.SmallIntegerField()
    entity = models.ForeignKey(
        Entity, on_delete=models.PROTECT, related_name="+", db_constraint=False
    )
    effective_on = models.DateField()
    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="postings", db_constraint=False
    )
    currency = models.CharField(max_length=3)
    amount_minor = models.BigIntegerField()
    functional_amount_minor = models.BigIntegerField(null=True)
    customer_id = models.BigIntegerField(null=True)
    document_id = models.UUIDField(null=True)

    objects = models.Manager["Posting"]()

    class Meta:
        managed = False
        ordering = ["entry", "line_no"]

    def __str__(self) -> str:
        return f"{self.entry_id}:{self.line_no}"

    @property
    def is_debit(self) -> bool:
        """Whether it stands on the left."""
        return self.amount_minor > 0

    @property
    def credit_minor(self) -> int:
        """The amount as a credit."""
        return -self.amount_minor


class NothingToPost(models.Model):
    """A document that moves no amount, so that it is not asked about again."""

    kind = models.CharField(max_length=48)
    source_type = models.CharField(max_length=32)
    source_id = models.UUIDField()
    noted_at = models.DateTimeField(default=now)

    objects = models.Manager["NothingToPost"]()

    class Meta:
        verbose_name_plural = "documents with nothing to post"
        constraints = [
            models.UniqueConstraint(
                fields=["source_type", "source_id", "kind"], name="nothing_to_post_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.source_type} {self.source_id}"
