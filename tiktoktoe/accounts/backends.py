"""Who is signed in; each page asks for the person, so the query for it is a standing one."""

from django.contrib.auth.backends import ModelBackend
from django.db.models import QuerySet

from tiktoktoe.accounts.models import User
from tiktoktoe.standing import standing


@standing
def _person(pk: int) -> QuerySet[User]:
    return User.objects.filter(pk=pk)


class PeopleBackend(ModelBackend):
    """Django's own, for our people."""

    def get_user(self, user_id: int) -> User | None:
        """The person of a session, unless they may not sign in any more."""
        found = _person.first(pk=user_id)
        return found if found and self.user_can_authenticate(found) else None
