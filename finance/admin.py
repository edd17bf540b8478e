"""The books in the admin: to be searched and read, never changed.

Postings have a key of two columns, which the admin cannot list; they stand on their entry.
"""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from finance.models import Account, Entity, JournalEntry, NothingToPost
from finance.queries import with_postings
from tiktoktoe.web.admin import ReadOnlyAdmin
from tiktoktoe.web.templatetags.numbers import minor_money


@admin.register(Entity)
class EntityAdmin(ReadOnlyAdmin[Entity]):
    """Whose books they are, and through which day they are closed."""

    list_display = ["name", "functional_currency", "closed_through"]


@admin.register(Account)
class AccountAdmin(ReadOnlyAdmin[Account]):
    """The chart of accounts."""

    list_display = ["code", "name", "type", "currency"]
    list_filter = ["type"]
    search_fields = ["code", "name"]


@admin.register(JournalEntry)
class JournalEntryAdmin(ReadOnlyAdmin[JournalEntry]):
    """Entries, each with its postings."""

    list_display = ["description", "effective_on", "kind", "source_type", "posted_at"]
    list_filter = ["kind", "source_type"]
    search_fields = ["idempotency_key", "description"]
    date_hierarchy = "effective_on"
    exclude = ["body_hash", "xid"]
    readonly_fields = ["body_hash_hex", "postings_shown"]
    list_select_related = False
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[JournalEntry, Any]:
        """Without the transaction's number, which Django has no type for."""
        return super().get_queryset(request).defer("xid")

    @admin.display(description="SHA-256 of its content")
    def body_hash_hex(self, entry: JournalEntry) -> str:
        """The hash as text."""
        return bytes(entry.body_hash).hex()

    @admin.display(description="Postings")
    def postings_shown(self, entry: JournalEntry) -> SafeString:
        """One line for each posting; a minus is a credit."""
        (row,) = with_postings([entry])
        return format_html_join(
            "\n",
            "<div>{}: {}</div>",
            (
                (posting.account, minor_money(posting.amount_minor, posting.currency))
                for posting in row.postings
            ),
        )


@admin.register(NothingToPost)
class NothingToPostAdmin(ReadOnlyAdmin[NothingToPost]):
    """Documents that move no amount."""

    list_display = ["kind", "source_type", "source_id", "noted_at"]
    list_filter = ["kind"]
    search_fields = ["source_id"]
