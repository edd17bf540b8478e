"""Addresses of the books."""

from django.urls import path

from finance.views import accounts, backlog, journal, taxes

urlpatterns = [
    path("books/journal/", journal.journal, name="journal"),
    path("books/journal.csv", journal.journal_csv, name="journal_csv"),
    path("books/journal/<uuid:entry_id>/", journal.journal_entry, name="journal_entry"),
    path("books/documents/<uuid:source_id>/", journal.document_entries, name="document_entries"),
    path("books/unposted/", backlog.unposted, name="unposted_list"),
    path("books/trial-balance/", accounts.trial_balance_page, name="trial_balance"),
    path("books/taxes/", taxes.tax_report_page, name="tax_report"),
    path("books/accounts/", accounts.account_list, name="account_list"),
    path("books/accounts/<slug:code>/", accounts.account_ledger, name="account_ledger"),
]
