"""People who sign in."""

from typing import Any, ClassVar

from django.contrib.auth.models import AbstractUser, BaseUserManager
from django.db import models
from django.db.models.functions import Lower

from tiktoktoe.accounts.roles import (
    ADMIN_APPS,
    PERMISSIONS_BY_ROLE,
    Permission,
    Role,
    admin_allows,
)


class UserManager(BaseUserManager["User"]):
    """Makes users who sign in by e-mail."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Make a person; without a password they cannot sign in until they set one."""
        if not email:
            raise ValueError("email is required")
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Make a person who may do everything."""
        return self.create_user(
            email,
            password,
            **{"role": Role.FINANCE, "is_staff": True, "is_superuser": True, **fields},
        )

    def get_by_natural_key(self, username: str | None) -> "User":
        """Find a person by e-mail, whatever its case."""
        return self.get(email=(username or "").lower())


class User(AbstractUser):
    """A person: finance, support, or somebody at a customer."""

    username = None  # type: ignore[assignment]
    email = models.EmailField(unique=True)
    role = models.CharField(max_length=16, choices=[(r.value, r.value.title()) for r in Role])

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects: ClassVar[UserManager] = UserManager()  # type: ignore[assignment]

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(role__in=[r.value for r in Role]), name="user_role_is_known"
            ),
            models.CheckConstraint(
                condition=models.Q(email=Lower("email")), name="user_email_is_lower_case"
            ),
        ]

    def __str__(self) -> str:
        return self.email

    def may(self, permission: Permission) -> bool:
        """Whether this person has a permission; superusers have all but the portal."""
        if not self.is_active:
            return False
        if self.is_superuser:
            return permission is not Permission.USE_PORTAL
        return permission in PERMISSIONS_BY_ROLE[Role(self.role)]

    def has_perm(self, perm: str, obj: object = None) -> bool:  # noqa: ARG002 - Django's signature
        """Whether the admin lets this person do something; by role, default no."""
        if not self.is_active:
            return False
        return self.is_superuser or admin_allows(Role(self.role), perm)

    def has_module_perms(self, app_label: str) -> bool:
        """Whether the admin shows an app to this person."""
        if not self.is_active:
            return False
        return self.is_superuser or (self.role != Role.CUSTOMER and app_label in ADMIN_APPS)


class Throttle(models.Model):
    """How far somebody has used a limit up: the instant at which all tries are free again."""

    key = models.CharField(primary_key=True, max_length=80)
    full_at = models.DateTimeField(db_index=True)

    objects = models.Manager["Throttle"]()

    def __str__(self) -> str:
        return self.key
