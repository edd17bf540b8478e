"""What tests change."""

from tests.prepared import let_prepared_statements_last
from tiktoktoe.env import env_str
from tiktoktoe.settings import *  # noqa: F403

NOBODY = "http://127.0.0.1:9"  # refuses at once
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
CELERY_TASK_ALWAYS_EAGER = True  # tests/flows and the fault tests start a real worker instead
STYLEGUIDE = True
# A product that runs on this machine has a sandbox at the default address. Tests have their own
# (tests/stripe_world.py), and tell processes that they start of it by the environment.
STRIPE_API_HOST = env_str("STRIPE_API_HOST", NOBODY)
REHEARSAL_MILLISECONDS = 30_000  # machines that test are busy
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
let_prepared_statements_last()
