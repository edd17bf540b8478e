"""Support's view of customers, catalog and usage; subscriptions are in billing's admin."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from subscriptions.errors import PlanVersionPublished, PriceInvalid
from subscriptions.models import (
    Customer,
    CustomerMember,
    EventSource,
    Meter,
    Plan,
    PlanVersion,
    Price,
    Product,
    RejectedEvent,
    SpendingThreshold,
    Subscription,
    Tier,
)
from subscriptions.services.catalog import publish_plan_version
from subscriptions.services.customer_clocks import may_have_clocks
from tiktoktoe.kernel.clock import now
from tiktoktoe.web.admin import (
    LabelledFormSet,
    LabelledInputs,
    ReadOnlyAdmin,
    ReadOnlyInline,
)


class MemberInline(LabelledInputs, admin.TabularInline[CustomerMember, Customer]):
    """Who may act for the customer in the portal."""

    model = CustomerMember
    extra = 0
    autocomplete_fields = ["user"]
    readonly_fields = ["created_at"]
    formset = LabelledFormSet


class SubscriptionInline(ReadOnlyInline[Subscription, Customer]):
    """What the customer subscribed to."""

    model = Subscription
    fields = ["reference", "plan_version", "quantity", "state", "current_period_end"]
    show_change_link = True


@admin.register(Customer)
class CustomerAdmin(admin.ModelAdmin[Customer]):
    """Find a customer by name, e-mail, external id or tax number; correct its details."""

    list_display = ["name", "email", "external_id", "country", "currency", "created_at"]
    list_filter = ["country", "currency", "is_tax_exempt"]
    search_fields = ["name", "email", "external_id", "tax_number", "subscriptions__reference"]
    readonly_fields = ["created_at"]
    inlines = [MemberInline, SubscriptionInline]

    def get_readonly_fields(
        self, request: HttpRequest, obj: Customer | None = None
    ) -> list[str] | tuple[str, ...]:
        """Keep what invoices and usage were counted with."""
        fixed = ["external_id", "currency", "time_zone", "clock"]
        return ["created_at", *fixed] if obj else ["created_at"]

    def get_exclude(self, request: HttpRequest, obj: Customer | None = None) -> list[str]:
        """No test clock can be chosen where real money is."""
        return [] if obj or may_have_clocks() else ["clock"]


@admin.register(Product)
class ProductAdmin(LabelledInputs, admin.ModelAdmin[Product]):
    """Products."""

    list_display = ["name", "code", "created_at"]
    search_fields = ["name", "code"]
    readonly_fields = ["created_at"]


METER_STAYS = [
    *("code", "aggregation", "is_carried_over", "unique_property", "amount_property"),
    *("dimensions", "rounding", "rounding_places"),
]


@admin.register(Meter)
class MeterAdmin(LabelledInputs, admin.ModelAdmin[Meter]):
    """Meters; what a meter means stays once it is made."""

    list_display = ["name", "code", "unit", "aggregation"]
    search_fields = ["name", "code"]

    def get_readonly_fields(
        self, request: HttpRequest, obj: Meter | None = None
    ) -> list[str] | tuple[str, ...]:
        """Keep what past usage was counted with."""
        return [*METER_STAYS, "created_at"] if obj else ["created_at"]


PLAN_STAYS = ["interval_count", "interval", "is_add_on"]


@admin.register(Plan)
class PlanAdmin(LabelledInputs, admin.ModelAdmin[Plan]):
    """Plans; their prices are versions."""

    list_display = [
        "name",
        "code",
        "product",
        "offer",
        "interval_count",
        "interval",
        "is_public",
    ]
    list_filter = ["product", "is_public", "is_add_on", "interval"]
    search_fields = ["name", "code"]

    def get_readonly_fields(
        self, request: HttpRequest, obj: Plan | None = None
    ) -> list[str] | tuple[str, ...]:
        """Keep what prices on sale are for."""
        is_on_sale = obj is not None and obj.versions.published().exists()
        return ["created_at", *PLAN_STAYS] if is_on_sale else ["created_at"]


class PriceInline(LabelledInputs, admin.StackedInline[Price, PlanVersion]):
    """The prices of a version."""

    model = Price
    extra = 0
    formset = LabelledFormSet
    show_change_link = True


class ThresholdInline(admin.TabularInline[SpendingThreshold, PlanVersion]):
    """What bills usage early."""

    model = SpendingThreshold
    extra = 0


class TierInline(LabelledInputs, admin.TabularInline[Tier, Price]):
    """The steps of a tiered price."""

    model = Tier
    extra = 0
    formset = LabelledFormSet


def is_published(version: PlanVersion | None) -> bool:
    """Whether a version is on sale and so frozen."""
    return version is not None and version.published_at is not None


@admin.register(PlanVersion)
class PlanVersionAdmin(LabelledInputs, admin.ModelAdmin[PlanVersion]):
    """Versions of prices: edited while they are drafts, frozen once published."""

    list_display = ["plan", "currency", "number", "effective_from", "published_at"]
    list_filter = ["plan", "currency"]
    search_fields = ["plan__name", "plan__code"]
    readonly_fields = ["published_at", "created_at"]
    inlines = [PriceInline, ThresholdInline]
    actions = ["publish"]

    def has_change_permission(self, request: HttpRequest, obj: PlanVersion | None = None) -> bool:
        """Drafts only."""
        return super().has_change_permission(request, obj) and not is_published(obj)

    def has_delete_permission(self, request: HttpRequest, obj: PlanVersion | None = None) -> bool:
        """Never: a draft that is not wanted stays a draft."""
        return False

    @admin.action(description="Put the chosen drafts on sale", permissions=["change"])
    def publish(self, request: HttpRequest, queryset: QuerySet[PlanVersion]) -> None:
        """Publish drafts; one that cannot be published is named."""
        at = now()
        for version in queryset.order_by("pk"):
            try:
                publish_plan_version(version=version, at=at)
            except (PlanVersionPublished, PriceInvalid) as refusal:
                self.message_user(request, f"{version}: {refusal}", messages.ERROR)
            else:
                self.message_user(request, f"{version} is on sale", messages.SUCCESS)


@admin.register(Price)
class PriceAdmin(LabelledInputs, admin.ModelAdmin[Price]):
    """A price and its tiers; reached from its version."""

    list_display = ["name", "code", "plan_version", "charge_model", "unit_amount", "meter"]
    list_filter = ["charge_model", "kind"]
    search_fields = ["name", "code", "plan_version__plan__name"]
    inlines = [TierInline]

    def has_change_permission(self, request: HttpRequest, obj: Price | None = None) -> bool:
        """Those of drafts only."""
        published = is_published(obj.plan_version if obj else None)
        return super().has_change_permission(request, obj) and not published

    def has_delete_permission(self, request: HttpRequest, obj: Price | None = None) -> bool:
        """Those of drafts only."""
        published = is_published(obj.plan_version if obj else None)
        return super().has_delete_permission(request, obj) and not published

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Only with their version."""
        return False


@admin.register(EventSource)
class EventSourceAdmin(ReadOnlyAdmin[EventSource]):
    """Systems that may send usage; keys are made by `manage.py create_event_source`."""

    list_display = ["name", "key_prefix", "created_at", "revoked_at"]
    search_fields = ["name", "key_prefix"]
    exclude = ["key_hash"]


@admin.register(RejectedEvent)
class RejectedEventAdmin(ReadOnlyAdmin[RejectedEvent]):
    """Events that were refused, with the reason."""

    list_display = ["received_at", "source", "event_id", "field", "code", "reason"]
    list_filter = ["code", "source"]
    search_fields = ["event_id", "reason"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[RejectedEvent, Any]:
        """With their sources, in one query."""
        return super().get_queryset(request).select_related("source")
