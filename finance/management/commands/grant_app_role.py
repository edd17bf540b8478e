"""Give the application's database role its rights; migrate runs it at its end."""

from typing import Any

from django.core.management.base import BaseCommand

from finance.services.app_role import APP_ROLE, grant_app_role


class Command(BaseCommand):
    """Make the restricted role and grant it what web and workers need."""

    help = "Make the restricted database role and grant it what web and workers need."

    def handle(self, *_args: Any, **options: Any) -> None:
        """Grant, and say when the server does not let us."""
        report = grant_app_role()
        if report.is_ready:
            if options["verbosity"]:
                self.stdout.write(f"  The role {APP_ROLE} has its rights")
            return
        self.stderr.write(
            f"The role {APP_ROLE} cannot be made here ({report.reason}). Go on with DATABASE_ROLE "
            "empty: the triggers guard the books as well; docs/ledger.md says what is then missing."
        )
