"""How payments are routed: policies and rules, what is known of gateways, decisions made."""

from decimal import Decimal

from django.conf import settings
from django.db import models

from billing.models.payment_methods import PaymentMethod
from billing.models.payments import Payment
from tiktoktoe.kernel.clock import now


class InstrumentTokenQuerySet(models.QuerySet["InstrumentToken"]):
    """Named sets of tokens."""

    def usable(self) -> "InstrumentTokenQuerySet":
        """Those by which the method can be charged."""
        return self.filter(state="active")


class InstrumentToken(models.Model):
    """A further gateway that holds a stored method, and its name for it there.

    The gateway that the method was stored at has its token on the method itself; a method
    can be charged only where it has one. What becomes of a token is a `MethodEvent`.
    """

    class State(models.TextChoices):
        ACTIVE = "active"
        REMOVED = "removed"

    method = models.ForeignKey(PaymentMethod, on_delete=models.PROTECT, related_name="tokens")
    gateway = models.CharField(max_length=32)
    gateway_reference = models.CharField(max_length=255)
    state = models.CharField(max_length=16, choices=State.choices, default=State.ACTIVE)
    created_at = models.DateTimeField(default=now)

    objects = InstrumentTokenQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["method", "gateway"], name="instrument_token_once_per_gateway"
            ),
            models.UniqueConstraint(
                fields=["gateway", "gateway_reference"], name="instrument_token_reference_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.method} at {self.gateway}"


class RoutingPolicy(models.Model):
    """A version of how payments are routed; once active it never changes (migration `0015`)."""

    class State(models.TextChoices):
        DRAFT = "draft"
        TRIAL = "trial"
        ACTIVE = "active"
        RETIRED = "retired"

    version = models.PositiveIntegerField(unique=True)
    state = models.CharField(max_length=16, choices=State.choices, default=State.DRAFT)
    note = models.CharField(max_length=200, blank=True)
    fees_weight = models.DecimalField(max_digits=6, decimal_places=2, default=Decimal(1))
    speed_weight = models.DecimalField(max_digits=6, decimal_places=2, default=Decimal(1))
    security_weight = models.DecimalField(max_digits=6, decimal_places=2, default=Decimal(1))
    margin_bps = models.DecimalField(max_digits=8, decimal_places=2, default=Decimal(8_000))
    capital_bps = models.DecimalField(max_digits=8, decimal_places=2, default=Decimal(800))
    decline_bps = models.DecimalField(max_digits=8, decimal_places=2, default=Decimal(50))
    abandon_bps = models.DecimalField(max_digits=8, decimal_places=2, default=Decimal(1_200))
    uses_other_methods = models.BooleanField(
        default=False, help_text="charge whichever stored method is best, not the default only"
    )
    explored_bps = models.DecimalField(max_digits=8, decimal_places=2, default=Decimal(300))
    explored_within_bps = models.DecimalField(max_digits=8, decimal_places=2, default=Decimal(150))
    created_at = models.DateTimeField(default=now)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    trial_percent = models.PositiveSmallIntegerField(
        default=0, help_text="of payments, while it is on trial"
    )
    trial_started_at = models.DateTimeField(null=True, blank=True)
    activated_at = models.DateTimeField(null=True, blank=True)
    activated_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )

    objects = models.Manager["RoutingPolicy"]()

    class Meta:
        ordering = ["-version"]
        constraints = [
            models.UniqueConstraint(
                fields=["state"],
                condition=models.Q(state="active"),
                name="routing_policy_one_active",
            ),
            models.UniqueConstraint(
                fields=["state"],
                condition=models.Q(state="trial"),
                name="routing_policy_one_trial",
            ),
            models.CheckConstraint(
                condition=~models.Q(state="trial")
                | models.Q(
                    trial_percent__gte=5, trial_percent__lte=50, trial_started_at__isnull=False
                ),
                name="routing_policy_trial_has_a_share",
            ),
            models.CheckConstraint(
                condition=models.Q(fees_weight__gte=0, speed_weight__gte=0, security_weight__gte=0),
                name="routing_policy_weights_are_not_negative",
            ),
            models.CheckConstraint(
                condition=models.Q(explored_bps__gte=0, explored_bps__lte=500),
                name="routing_policy_explores_at_most_five_percent",
            ),
        ]

    def __str__(self) -> str:
        return f"version {self.version}"


class RoutingRule(models.Model):
    """One hard rule of a policy; the first, by position, whose conditions hold decides."""

    class Effect(models.TextChoices):
        ONLY = "only", "charge only these"
        PREFER = "prefer", "try these first"
        SPLIT = "split", "share payments out"

    policy = models.ForeignKey(RoutingPolicy, on_delete=models.PROTECT, related_name="rules")
    position = models.PositiveSmallIntegerField()
    name = models.CharField(max_length=64)
    effect = models.CharField(max_length=16, choices=Effect.choices)
    currency = models.CharField(max_length=3, blank=True)
    minimum = models.DecimalField(max_digits=18, decimal_places=3, null=True, blank=True)
    maximum = models.DecimalField(max_digits=18, decimal_places=3, null=True, blank=True)
    customer_country = models.CharField(max_length=2, blank=True)
    session = models.CharField(
        max_length=3, blank=True, choices=[("on", "customer there"), ("off", "customer away")]
    )
    buyer = models.CharField(
        max_length=8, blank=True, choices=[("business", "business"), ("person", "person")]
    )
    gateways = models.JSONField(default=list, blank=True)
    kinds = models.JSONField(default=list, blank=True)
    shares = models.JSONField(default=list, blank=True, help_text="[[gateway, percent], …]")

    objects = models.Manager["RoutingRule"]()

    class Meta:
        ordering = ["policy", "position"]
        constraints = [
            models.UniqueConstraint(
                fields=["policy", "position"], name="routing_rule_position_once"
            ),
            models.CheckConstraint(
                condition=models.Q(minimum__isnull=True, maximum__isnull=True)
                | ~models.Q(currency=""),
                name="routing_rule_bounds_have_a_currency",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class OutcomeStatistic(models.Model):
    """What a gateway's payments of a segment came to, faded: a `Cell` of billing.domain.success.

    `attempts` and `declines` count plainly: all settled ones, and those an issuer said no to.
    """

    gateway = models.CharField(max_length=32)
    segment = models.CharField(max_length=64)
    successes = models.DecimalField(max_digits=24, decimal_places=12, default=Decimal(0))
    failures = models.DecimalField(max_digits=24, decimal_places=12, default=Decimal(0))
    seen = models.PositiveBigIntegerField(default=0, help_text="the segment's count by then")
    attempts = models.PositiveBigIntegerField(default=0)
    declines = models.PositiveBigIntegerField(default=0)

    objects = models.Manager["OutcomeStatistic"]()

    class Meta:
        ordering = ["segment", "gateway"]
        constraints = [
            models.UniqueConstraint(fields=["gateway", "segment"], name="outcome_statistic_once")
        ]

    def __str__(self) -> str:
        return f"{self.gateway}: {self.segment}"


class GatewayHealth(models.Model):
    """A gateway's circuit breaker; by billing.domain.breakers."""

    class State(models.TextChoices):
        CLOSED = "closed"
        OPEN = "open"
        HALF_OPEN = "half_open"

    gateway = models.CharField(max_length=32, unique=True)
    state = models.CharField(max_length=16, choices=State.choices, default=State.CLOSED)
    is_enabled = models.BooleanField(default=True, help_text="off: nothing is routed there")
    failures_in_a_row = models.PositiveIntegerField(default=0)
    opened_times = models.PositiveSmallIntegerField(default=0, help_text="since it last worked")
    changed_at = models.DateTimeField(default=now)
    opens_until = models.DateTimeField(null=True, blank=True)

    objects = models.Manager["GatewayHealth"]()

    class Meta:
        ordering = ["gateway"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state="closed") | models.Q(opens_until__isnull=False),
                name="gateway_health_open_until_known",
            )
        ]

    def __str__(self) -> str:
        return f"{self.gateway}: {self.state}"


class DecisionQuerySet(models.QuerySet["PaymentDecision"]):
    """Named sets of decisions."""

    def first_routed(self) -> "DecisionQuerySet":
        """The first decision of each payment that routing made.

        Not those of pages: where these are opened is for the customer to choose. One may have
        come before, so that the first one need not be the first round.
        """
        # Of a page no method is chosen; a stored one may be charged while the customer is there.
        is_routed = models.Q(inputs__is_on_session=False) | models.Q(chosen_method__isnull=False)
        earlier = PaymentDecision.objects.filter(
            is_routed,
            payment=models.OuterRef("payment"),
            round__lt=models.OuterRef("round"),
        )
        return self.filter(~models.Exists(earlier), is_routed)


class PaymentDecision(models.Model):
    """Which method at which gateway, and why: every candidate with its terms; append-only.

    `inputs` holds all that the decision was made of, so that it can be made again.
    """

    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="decisions")
    round = models.PositiveSmallIntegerField(help_text="the first, and one more for each retry")
    at = models.DateTimeField()
    policy = models.ForeignKey(RoutingPolicy, on_delete=models.PROTECT, related_name="+")
    inputs = models.JSONField()
    candidates = models.JSONField()
    rule = models.CharField(max_length=64, blank=True)
    chosen_gateway = models.CharField(max_length=32, blank=True)
    chosen_method = models.ForeignKey(
        PaymentMethod, on_delete=models.PROTECT, null=True, related_name="+"
    )
    fee_expected = models.DecimalField(max_digits=18, decimal_places=3, null=True)
    is_explored = models.BooleanField(default=False)
    seed = models.CharField(max_length=64)
    arm = models.CharField(max_length=8, blank=True, help_text="control or variant of a trial")

    objects = DecisionQuerySet.as_manager()

    class Meta:
        ordering = ["payment", "round"]
        constraints = [
            models.UniqueConstraint(
                fields=["payment", "round"], name="payment_decision_once_a_round"
            )
        ]
        indexes = [models.Index(fields=["-at"], name="payment_decision_newest")]

    def __str__(self) -> str:
        return f"{self.payment_id}: {self.chosen_gateway or 'nothing'}"
