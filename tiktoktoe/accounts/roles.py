"""Roles, and what each may do; everything not listed is refused."""

from enum import StrEnum


class Role(StrEnum):
    """What a person is to the company."""

    FINANCE = "finance"
    SUPPORT = "support"
    CUSTOMER = "customer"


class Permission(StrEnum):
    """One thing a page may ask for."""

    VIEW_BILLING = "view_billing"
    CHANGE_BILLING = "change_billing"
    REFUND = "refund"
    VIEW_BOOKS = "view_books"
    VIEW_ANALYTICS = "view_analytics"
    USE_PORTAL = "use_portal"


PERMISSIONS_BY_ROLE: dict[Role, frozenset[Permission]] = {
    Role.FINANCE: frozenset(Permission) - {Permission.USE_PORTAL},
    Role.SUPPORT: frozenset({Permission.VIEW_BILLING}),
    Role.CUSTOMER: frozenset({Permission.USE_PORTAL}),
}
