"""A helping process of seed_demo: does what it reads, line by line; see tiktoktoe.demo.helper."""

import json
import sys
from argparse import ArgumentParser
from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import connection

from billing.services.payments.collection import Share
from finance.services.posting import post_documents
from subscriptions.services.rollups import fold_deltas
from tiktoktoe.demo.chores import do_chores, hurry
from tiktoktoe.demo.helper import DONE
from tiktoktoe.demo.second_gateway import SecondGateway, second_gateway
from tiktoktoe.kernel import clock
from tiktoktoe.sandbox.control import SandboxControl


class Command(BaseCommand):
    """`manage.py demo_helper`, begun by `manage.py seed_demo`"""

    help = "A helping process of seed_demo."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Where to work."""
        parser.add_argument("--name", required=True, help="the database's name")
        parser.add_argument("--sandbox", required=True, help="the payment sandbox's address")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Do each line's task and say so, until the input ends."""
        connection.close()  # system checks may have opened one, to the database of the settings
        connection.settings_dict["NAME"] = options["name"]
        settings.STRIPE_API_HOST = options["sandbox"]
        hurry()
        self._second: SecondGateway | None = None
        sandbox = SandboxControl(options["sandbox"])
        for line in sys.stdin:
            self._do(sandbox, **json.loads(line))
            self.stdout.write(DONE)
            self.stdout.flush()

    def _do(self, sandbox: SandboxControl, *, do: str, at: str, **terms: Any) -> None:
        moment = datetime.fromisoformat(at)
        with clock.moved_to(moment):
            if do == "meet":
                settings.GATEWAYS = terms["gateways"]
                self._second = second_gateway()
            elif do == "posting":
                fold_deltas()
                post_documents(at=moment)
            else:
                named = terms.pop("share")
                share = Share(frozenset(named["customers"]), is_rest=named["is_rest"])
                do_chores(sandbox=sandbox, second=self._second, share=share, at=moment, **terms)
