"""Imported once by the server that worker processes are forked from, before they are."""

import logging
from importlib import import_module

import django

django.setup()
import_module("billing.gateways.deadlines").certificates()
logging.disable(logging.ERROR)  # the faults are meant
