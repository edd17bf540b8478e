"""What subscriptions refuses, and why."""

from tiktoktoe.kernel.errors import Conflict, InvalidInput


class CustomerInvalid(InvalidInput):
    """A customer's details cannot be used."""


class InvitationInvalid(InvalidInput):
    """This person cannot be invited."""


class InvitationClosed(Conflict):
    """The invitation was accepted, taken back, or is too old."""


class NoteInvalid(InvalidInput):
    """A note says nothing, or too much."""


class ClockNotAllowed(Conflict):
    """A test clock where real money is."""


class IssuerInvalid(InvalidInput):
    """A company of ours cannot issue documents like this."""


class PriceInvalid(InvalidInput):
    """A price contradicts itself."""


class PlanVersionPublished(Conflict):
    """The prices are on sale and can no longer change."""


class PlanVersionNotOnSale(Conflict):
    """Nobody can subscribe to these prices: not published, or not yet, or another currency."""


class SubscriptionInvalid(InvalidInput):
    """A subscription cannot be made or changed like this."""


class AddOnInvalid(InvalidInput):
    """An add-on cannot be put on a subscription like this."""


class PolicyInvalid(InvalidInput):
    """A billing policy, or for what it is to count, contradicts itself."""


class SubscriptionChanged(Conflict):
    """Somebody else changed the subscription since it was looked at."""


class TransitionNotAllowed(Conflict):
    """The subscription's state does not allow this move."""


class SubscriptionEnded(TransitionNotAllowed):
    """The subscription is canceled or expired."""


class ChangeOutsidePeriod(InvalidInput):
    """A change must take effect inside the current billing period."""


class EventInvalid(InvalidInput):
    """A usage event cannot be counted."""


class EventTooLate(EventInvalid):
    """The event is older than usage is accepted for."""


class EventInFuture(EventInvalid):
    """The event happens later than a wrong clock explains."""


class FeatureInvalid(InvalidInput):
    """A feature cannot be made, granted or overridden like this."""


class OverrideOverlaps(Conflict):
    """Another override of the feature decides for this customer at that time."""


class ChangesBlocked(Conflict):
    """Nothing may be changed until something is paid."""
