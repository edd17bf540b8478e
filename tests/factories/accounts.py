"""People, valid and fixed by default."""

from itertools import count

from tiktoktoe.accounts.models import User
from tiktoktoe.accounts.roles import Role

PASSWORD = "right horse"
_numbers = count(1)


def make_user(role: Role = Role.FINANCE, **fields: object) -> User:
    """A person of a role who signs in with PASSWORD."""
    given: dict[str, object] = {
        "email": f"person{next(_numbers)}@example.com",
        "first_name": "Fay",
        "last_name": "Nance",
        "is_staff": role != Role.CUSTOMER,
        **fields,
    }
    return User.objects.create_user(password=PASSWORD, role=role, **given)  # type: ignore[arg-type]
