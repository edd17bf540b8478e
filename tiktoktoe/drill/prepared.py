"""Imported once by the server that worker processes are forked from, before they are."""

import logging

import django

django.setup()
logging.disable(logging.ERROR)  # the faults are meant
