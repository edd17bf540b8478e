"""Sessions in the database: each page begins with one, so the query for it is a standing one."""

from datetime import datetime

from django.contrib.sessions.backends.db import SessionStore as DatabaseSessions
from django.contrib.sessions.models import Session
from django.db.models import QuerySet
from django.utils import timezone

from tiktoktoe.standing import standing


@standing
def _valid(key: str, valid_at: datetime) -> QuerySet[Session]:
    return Session.objects.filter(session_key=key, expire_date__gt=valid_at)


class SessionStore(DatabaseSessions):
    """What SESSION_ENGINE names."""

    def _get_session_from_db(self) -> Session | None:
        key = self.session_key
        at = timezone.now()  # noqa: TID251 - as Django, which writes when a session ends
        found = _valid.first(key=key, valid_at=at) if key else None
        if found is None:
            self._session_key = None
        return found
