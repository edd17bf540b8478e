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
    INVITE = "invite"
    WRITE_NOTES = "write_notes"
    REFUND = "refund"
    GRANT_CREDIT = "grant_credit"
    VIEW_BOOKS = "view_books"
    VIEW_ANALYTICS = "view_analytics"
    USE_PORTAL = "use_portal"


PERMISSIONS_BY_ROLE: dict[Role, frozenset[Permission]] = {
    Role.FINANCE: frozenset(Permission) - {Permission.USE_PORTAL},
    Role.SUPPORT: frozenset({Permission.VIEW_BILLING, Permission.INVITE, Permission.WRITE_NOTES}),
    Role.CUSTOMER: frozenset({Permission.USE_PORTAL}),
}

ADMIN_APPS = frozenset({"subscriptions", "billing"})
CATALOG_MODELS = frozenset(
    {"product", "meter", "plan", "planversion", "price", "tier", "spendingthreshold"}
)
RATE_MODELS = frozenset(
    {"processorfeerule", "paymentlimit", "taxrate", "disputerule", "exemptionrule"}
)


def admin_allows(role: Role, permission: str) -> bool:
    """Whether a role has a Django permission ("app.verb_model") in the admin.

    Support reads subscriptions and billing and corrects customers; finance also edits the
    catalog, what processors charge and tax rates, and starts subscriptions. Neither may touch
    users, mirrors of the gateway, or anything that moves money.
    """
    app, _, codename = permission.partition(".")
    verb, _, model = codename.partition("_")
    if role == Role.CUSTOMER or app not in ADMIN_APPS:
        return False
    if verb == "view" or (model, verb) == ("customer", "change"):
        return True
    is_rate_edit = model in RATE_MODELS and verb in {"add", "change"}
    is_catalog_edit = model in CATALOG_MODELS and verb in {"add", "change", "delete"}
    starts_billing = (model, verb) == ("subscription", "add")
    return role == Role.FINANCE and (is_catalog_edit or is_rate_edit or starts_billing)
