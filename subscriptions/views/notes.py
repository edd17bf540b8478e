"""Notes of the staff about customers."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from subscriptions.forms.notes import NoteForm
from subscriptions.models import Customer
from subscriptions.services.notes import write_note
from tiktoktoe.accounts.models import User
from tiktoktoe.accounts.roles import Permission
from tiktoktoe.kernel.clock import now
from tiktoktoe.web.access import requires


@require_POST
@requires(Permission.WRITE_NOTES)
def note_create(request: HttpRequest, customer_id: int) -> HttpResponse:
    """Write something down about a customer."""
    assert isinstance(request.user, User)
    customer = get_object_or_404(Customer, pk=customer_id)
    form = NoteForm(request.POST)
    if form.is_valid():
        write_note(customer=customer, text=form.cleaned_data["text"], author=request.user, at=now())
        messages.success(request, "The note is written.")
    else:
        messages.error(request, f"The note was not kept: {form.errors['text'][0]}")
    return redirect("customer_detail", customer.pk)
