"""People, valid and fixed by default."""

import factory
from factory.declarations import Sequence

from tiktoktoe.accounts.models import User
from tiktoktoe.accounts.roles import Role


class UserFactory(factory.django.DjangoModelFactory[User]):
    """A finance person; pass `role` for another."""

    class Meta:
        model = User

    email = Sequence(lambda n: f"person{n}@example.com")
    role = Role.FINANCE
    first_name = "Fay"
    last_name = "Nance"
    password = factory.django.Password("right horse")
