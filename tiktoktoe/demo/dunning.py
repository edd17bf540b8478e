"""How the demo company goes after what is past due."""

from datetime import datetime

from billing.domain.campaigns import CampaignTerms, Step, StepKind
from billing.services.dunning.campaigns import assign_campaign, publish_campaign
from subscriptions.services.transitions import Actor

STEPS = (
    (0, StepKind.EMAIL),
    (2, StepKind.RETRY),
    (5, StepKind.EMAIL),
    (6, StepKind.RETRY),
    (9, StepKind.BANNER),
    (12, StepKind.RETRY),
    (16, StepKind.RESTRICT),
    (21, StepKind.RETRY),
    (75, StepKind.WRITE_OFF),
)


def found_dunning(*, actor: Actor, at: datetime) -> None:
    """Publish the company's campaign and let it count."""
    steps = tuple(
        Step(position=n, day=day, kind=kind) for n, (day, kind) in enumerate(STEPS, start=1)
    )
    campaign = publish_campaign(
        code="patient",
        name="Patient, then firm",
        terms=CampaignTerms(steps=steps),
        actor=actor,
        at=at,
    )
    assign_campaign(campaign=campaign, actor=actor, at=at)
