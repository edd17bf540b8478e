"""What tests change."""

from tiktoktoe.settings import *  # noqa: F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
CELERY_TASK_ALWAYS_EAGER = True  # tests/flows and the fault tests start a real worker instead
STYLEGUIDE = True
REHEARSAL_MILLISECONDS = 30_000  # machines that test are busy
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
