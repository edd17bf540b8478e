"""Where a customer lets us collect from a bank account."""

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from billing.domain.mandate_words import consent_language, consent_text
from billing.forms.mandates import MandateForm
from billing.queries.issuers import company
from billing.queries.ways_to_pay import debit_page_for
from billing.services.bank.banks import bank_for
from billing.services.bank.mandates import give_mandate
from billing.services.payments.collection import resume_collection
from billing.services.payments.payment_methods import open_setup_page
from billing.views.portal_access import acting_customer, portal_actor, see_other
from tiktoktoe.accounts.models import User
from tiktoktoe.accounts.roles import Permission
from tiktoktoe.kernel.clock import now
from tiktoktoe.kernel.errors import GatewayError, InvalidInput
from tiktoktoe.web.access import requires
from tiktoktoe.web.tones import label_of


@require_http_methods(["GET", "POST"])
@requires(Permission.USE_PORTAL)
def portal_mandate(request: HttpRequest) -> HttpResponse:
    """Read what is agreed to, enter the account, agree."""
    customer, at = acting_customer(request), now()
    bank = bank_for(customer.currency)
    if bank is None:
        raise Http404("no bank collects this customer's currency")
    form = MandateForm(request.POST or None, initial={"debtor_name": customer.name})
    if request.method == "POST" and form.is_valid():
        assert isinstance(request.user, User)
        try:
            mandate = give_mandate(
                customer=customer,
                gateway=bank.name,
                account_number=form.cleaned_data["account_number"],
                bank_code=form.cleaned_data["bank_code"],
                debtor_name=form.cleaned_data["debtor_name"],
                signed_by=request.user.email,
                actor=portal_actor(request),
                at=at,
            )
        except InvalidInput as refusal:
            remedy = f": {refusal.remedy}" if refusal.remedy else ""
            form.add_error(
                refusal.field if refusal.field in form.fields else None,
                f"{refusal.message[:1].upper()}{refusal.message[1:]}{remedy}.",
            )
        else:
            messages.success(request, f"Mandate {mandate.reference} was given.")
            if mandate.method.is_default:
                resume_collection(customer=customer, actor=portal_actor(request), at=at)
            return redirect("portal_payment_methods")
    language = consent_language(customer.locale)
    context = {
        "customer": customer,
        "form": form,
        "creditor": bank.terms.account.name,
        "creditor_id": bank.terms.creditor_id,
        "creditor_address": company().address,
        "language": language,
        "consent": consent_text(
            language=language,
            creditor=bank.terms.account.name,
            days=bank.terms.notice_days,
        ),
    }
    return render(request, "portal/mandate.html", context)


@require_POST
@requires(Permission.USE_PORTAL)
def portal_debit_add(request: HttpRequest) -> HttpResponse:
    """Go to a gateway's page to let a bank account be debited, with what is agreed to."""
    customer = acting_customer(request)
    gateway = debit_page_for(customer)
    if not gateway:
        raise Http404("no gateway debits bank accounts in this customer's currency and country")
    language = "us" if customer.currency == "USD" else consent_language(customer.locale)
    creditor = f"{settings.COMPANY['name']} ({label_of(gateway)})"
    try:
        address = open_setup_page(
            customer=customer,
            at=now(),
            gateway=gateway,
            kinds=frozenset({"bank_debit"}),
            consent=consent_text(language=language, creditor=creditor, days=None),
        )
    except GatewayError:
        messages.error(
            request, "The payment service cannot be reached right now. Please try again."
        )
        return redirect("portal_payment_methods")
    return see_other(address)
