"""Tables and schedules, by one process: to load Django takes longer than most commands work.

The system checks, which load every page, are left to `make test`.
"""

import django
from django.core.management import call_command

if __name__ == "__main__":
    django.setup()
    call_command("migrate", interactive=False, verbosity=0, skip_checks=True)
    call_command("setup_schedules", verbosity=0)
