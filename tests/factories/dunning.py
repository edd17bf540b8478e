"""Dunning campaigns, made by the real services."""

from datetime import datetime

from billing.domain.campaigns import CampaignTerms, Step, StepKind
from billing.models import DunningCampaign
from billing.services.dunning.campaigns import assign_campaign, publish_campaign
from subscriptions.models import Plan
from tests.factories.subscriptions import JAN_1, TEST_ACTOR


def campaign_terms(steps: str, **terms: int) -> CampaignTerms:
    """Steps written as "0 email, 3 retry"."""
    parts = [part.split() for part in steps.split(",")] if steps else []
    return CampaignTerms(
        steps=tuple(
            Step(position=n, day=int(day), kind=StepKind(kind))
            for n, (day, kind) in enumerate(parts, start=1)
        ),
        **terms,
    )


def campaign_in_force(
    steps: str, *, at: datetime = JAN_1, plan: Plan | None = None, **terms: int
) -> DunningCampaign:
    """A campaign that counts from an instant on: for the company, or a plan."""
    campaign = publish_campaign(
        code="test", name="Test", terms=campaign_terms(steps, **terms), actor=TEST_ACTOR, at=at
    )
    assign_campaign(campaign=campaign, plan=plan, actor=TEST_ACTOR, at=at)
    return campaign
