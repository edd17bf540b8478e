"""What the admin pages of every app share."""

from typing import Any, TypeVar

from django.contrib import admin
from django.db.models import Model
from django.forms import BaseInlineFormSet, MultiWidget
from django.http import HttpRequest

Row = TypeVar("Row", bound=Model)
Parent = TypeVar("Parent", bound=Model)


class LabelledInputs:
    """Names each input of a field that has several, as a date with a time or an amount with a
    currency: Django's own label speaks for none of them."""

    def formfield_for_dbfield(
        self, db_field: Any, request: HttpRequest | None, **kwargs: Any
    ) -> Any:
        """The field, with a name on each of its inputs."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)  # type: ignore[misc]
        widget = getattr(field, "widget", None)
        if isinstance(widget, MultiWidget):
            for number, part in enumerate(widget.widgets, start=1):
                part.attrs.setdefault("aria-label", f"{db_field.verbose_name}, part {number}")
        return field


class LabelledFormSet(BaseInlineFormSet[Any, Any, Any]):
    """Rows whose box for removing them says so."""

    def add_fields(self, form: Any, index: int | None) -> None:
        """Name the box."""
        super().add_fields(form, index)
        if "DELETE" in form.fields:
            form.fields["DELETE"].widget.attrs["aria-label"] = "Remove this row"


class ReadOnlyAdmin(admin.ModelAdmin[Row]):
    """A table that support may search and read, and nobody may change here."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Never."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Row | None = None) -> bool:
        """Never."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Row | None = None) -> bool:
        """Never."""
        return False


class ReadOnlyInline(admin.TabularInline[Row, Parent]):
    """Rows below another row that may be read and not changed."""

    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Parent | None = None) -> bool:
        """Never."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Parent | None = None) -> bool:
        """Never."""
        return False
