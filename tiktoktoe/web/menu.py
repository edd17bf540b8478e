"""The pages in the navigation, by group: shown when they exist and the viewer may open them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

from django.conf import settings
from django.urls import NoReverseMatch, get_script_prefix, reverse

from tiktoktoe.accounts.models import User
from tiktoktoe.accounts.roles import Permission


@dataclass(frozen=True, slots=True)
class MenuEntry:
    """A page: its words, its icon (of heroicons), the name of its URL, and who may open it."""

    label: str
    icon: str
    url_name: str
    permission: Permission
    url: str = ""
    is_current: bool = False


@dataclass(frozen=True, slots=True)
class MenuGroup:
    """Pages that belong together; the first group has no heading."""

    label: str
    entries: tuple[MenuEntry, ...]


STAFF_MENU = (
    MenuGroup("", (MenuEntry("Overview", "home", "overview", Permission.VIEW_ANALYTICS),)),
    MenuGroup(
        "Subscribers",
        (
            MenuEntry("Customers", "users", "customer_list", Permission.VIEW_BILLING),
            MenuEntry("Subscriptions", "arrow-path", "subscription_list", Permission.VIEW_BILLING),
            MenuEntry("Catalog", "tag", "plan_list", Permission.VIEW_BILLING),
            MenuEntry("Usage", "bolt", "usage_explorer", Permission.VIEW_BILLING),
            MenuEntry("Moving in", "arrow-down-on-square", "moving_in", Permission.CHANGE_BILLING),
        ),
    ),
    MenuGroup(
        "Billing",
        (
            MenuEntry("Invoices", "document-text", "invoice_list", Permission.VIEW_BILLING),
            MenuEntry("Drafts", "document-magnifying-glass", "draft_list", Permission.VIEW_BILLING),
            MenuEntry("Billing runs", "queue-list", "billing_run_list", Permission.VIEW_BILLING),
            MenuEntry(
                "Late usage",
                "inbox-arrow-down",
                "late_usage_list",
                Permission.VIEW_BILLING,
            ),
            MenuEntry("Waiting for tax", "clock", "tax_waiting_list", Permission.VIEW_BILLING),
            MenuEntry("Coupons", "ticket", "coupon_list", Permission.VIEW_BILLING),
            MenuEntry("Offers to stay", "gift", "retention_offer_list", Permission.VIEW_BILLING),
            MenuEntry(
                "Price moves", "arrow-trending-up", "price_move_list", Permission.VIEW_BILLING
            ),
            MenuEntry("Issuers", "building-office-2", "issuer_list", Permission.VIEW_BILLING),
        ),
    ),
    MenuGroup(
        "Payments",
        (
            MenuEntry("Payments", "credit-card", "payment_list", Permission.VIEW_BILLING),
            MenuEntry("Monitor", "chart-bar", "payment_monitor", Permission.VIEW_BILLING),
            MenuEntry("Dunning", "bell-alert", "dunning_board", Permission.VIEW_BILLING),
            MenuEntry("Disputes", "scale", "dispute_list", Permission.VIEW_BILLING),
            MenuEntry("Review", "shield-check", "review_list", Permission.VIEW_BILLING),
            MenuEntry(
                "Unknown outcomes", "question-mark-circle", "unknown_list", Permission.VIEW_BILLING
            ),
            MenuEntry("Routing", "arrows-right-left", "routing_policies", Permission.VIEW_BILLING),
            MenuEntry("Mandates", "pencil-square", "mandate_list", Permission.VIEW_BILLING),
            MenuEntry("Transfers", "building-library", "bank_entry_list", Permission.VIEW_BILLING),
            MenuEntry("Bank files", "document-arrow-up", "bank_file_list", Permission.VIEW_BILLING),
            MenuEntry("Gateway events", "inbox", "webhook_event_list", Permission.VIEW_BILLING),
        ),
    ),
    MenuGroup(
        "Messages",
        (
            MenuEntry("Notices", "envelope", "notice_list", Permission.VIEW_BILLING),
            MenuEntry("Webhooks", "signal", "webhook_endpoint_list", Permission.CHANGE_BILLING),
        ),
    ),
    MenuGroup(
        "Books",
        (
            MenuEntry("Journal", "book-open", "journal", Permission.VIEW_BOOKS),
            MenuEntry("Trial balance", "calculator", "trial_balance", Permission.VIEW_BOOKS),
            MenuEntry("Taxes", "receipt-percent", "tax_report", Permission.VIEW_BOOKS),
            MenuEntry("Accounts", "rectangle-stack", "account_list", Permission.VIEW_BOOKS),
        ),
    ),
)

PORTAL_MENU = (
    MenuGroup(
        "",
        (
            MenuEntry("Subscription", "home", "portal_home", Permission.USE_PORTAL),
            MenuEntry("Invoices", "document-text", "portal_invoices", Permission.USE_PORTAL),
            MenuEntry(
                "Payment methods", "credit-card", "portal_payment_methods", Permission.USE_PORTAL
            ),
            MenuEntry("Credit", "wallet", "portal_credit", Permission.USE_PORTAL),
            MenuEntry("E-mails", "envelope", "portal_notices", Permission.USE_PORTAL),
        ),
    ),
)


def shown_menu(
    menu: Sequence[MenuGroup], *, user: User | None, path: str, current: str = ""
) -> list[MenuGroup]:
    """The groups and entries that exist and that a person may open, the current page marked.

    Args:
        current: The URL name of the entry to mark; by default the one whose address is the
            longest beginning of the path.
    """
    groups = [
        MenuGroup(group.label, tuple(entry for entry in group.entries if _shows(entry, user)))
        for group in _addressed_menu(tuple(menu), settings.ROOT_URLCONF, get_script_prefix())
    ]
    marked = current or _closest([e for group in groups for e in group.entries], path)
    return [
        MenuGroup(group.label, tuple(_marked(entry, marked) for entry in group.entries))
        for group in groups
        if group.entries
    ]


@cache
def _addressed_menu(
    menu: tuple[MenuGroup, ...], _urlconf: str, _prefix: str
) -> tuple[MenuGroup, ...]:
    return tuple(MenuGroup(group.label, tuple(map(_addressed, group.entries))) for group in menu)


def _addressed(entry: MenuEntry) -> MenuEntry:
    try:
        return replace(entry, url=reverse(entry.url_name))
    except NoReverseMatch:
        return entry


def _shows(entry: MenuEntry, user: User | None) -> bool:
    return bool(entry.url) and user is not None and user.may(entry.permission)


def _closest(entries: Sequence[MenuEntry], path: str) -> str:
    leading = [entry for entry in entries if path.startswith(entry.url)]
    return max(leading, key=lambda entry: len(entry.url)).url_name if leading else ""


def _marked(entry: MenuEntry, marked: str) -> MenuEntry:
    return replace(entry, is_current=True) if entry.url_name == marked else entry
