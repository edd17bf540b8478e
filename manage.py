#!/usr/bin/env python
"""Django's command line for TikTokToe."""

import gc
import os
import sys


def main() -> None:
    """Run one management command."""
    gc.set_threshold(50_000, 20, 50)  # what is loaded stays: to search it for garbage costs a tenth
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tiktoktoe.settings")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
