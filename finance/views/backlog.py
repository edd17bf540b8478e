"""What waits to be posted: the figure of the overview, document by document."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from finance.queries import document_names
from finance.queries.unposted import unposted_documents, unposted_list
from finance.views.documents import link_of
from tiktoktoe.accounts.roles import Permission
from tiktoktoe.kernel.clock import now
from tiktoktoe.web.access import requires

SHOWN = 100


@require_GET
@requires(Permission.VIEW_BOOKS)
def unposted(request: HttpRequest) -> HttpResponse:
    """How many documents of each kind wait, and the first of them."""
    at = now()
    kinds = unposted_documents(at=at)
    waiting = list(unposted_list(at=at, limit=SHOWN))
    names = document_names((document.source_type, document.source_id) for document in waiting)
    context = {
        "kinds": kinds,
        "total": sum(kind.count for kind in kinds),
        "rows": [
            (document.kind, link_of(names[document.source_id]))
            for document in waiting
            if document.source_id in names
        ],
        "shown": SHOWN,
    }
    return render(request, "finance/unposted.html", context)
