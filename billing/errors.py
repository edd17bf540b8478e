"""What billing refuses, and what gateways do to it."""

from tiktoktoe.kernel.errors import Conflict, GatewayError, InvalidInput, InvariantViolation


class PriceTermsInvalid(InvalidInput):
    """A price cannot be rated with: its tiers have gaps, or a number is missing."""


class QuantityInvalid(InvalidInput):
    """A quantity cannot be rated: negative or not finite."""


class TaxRateMissing(InvalidInput):
    """No tax rate is known for this country and day."""


class TaxAwaited(Conflict):
    """The draft waits for the tax engine's answer; it is issued when that has come."""


class TaxEngineUnavailable(GatewayError):
    """The tax engine did not answer, or said that it cannot."""


class TaxAnswerWrong(GatewayError):
    """The tax engine's answer is not one to what it was asked."""


class BillingNotDue(Conflict):
    """The subscription's period is not over, or is being billed by somebody else."""


class PeriodNotBilled(Conflict):
    """The subscription's period is over, and what is owed for it has not been billed yet."""


class MandateInvalid(InvalidInput):
    """What was entered for a mandate makes no sense; says which field."""


class MandateNotUsable(Conflict):
    """The mandate was withdrawn, is used up or has expired: nothing may be collected by it."""


class ReturnNotRecordable(Conflict):
    """The return was decided already, or cannot be recorded as what it seems to be."""


class EntryTaken(Conflict):
    """The bank entry pays an invoice already, or is none that could."""


class BankMessageUnreadable(GatewayError):
    """What the bank has sent is no message that is known here; it is kept as it came."""


class InvoiceNotDraft(Conflict):
    """The invoice is final; corrections are credit notes."""


class NothingUnbilled(Conflict):
    """No usage came late for the subscription, or it is billed by now."""


class UsageNotPriceable(Conflict):
    """What usage costs depends on its single events; a person has to say."""


class PeriodNotBilledAgain(Conflict):
    """The invoice is no discarded draft of a period."""


class InvoiceNotReplaceable(Conflict):
    """Money was collected of the invoice, or its kind is tied to its number."""


class InvoiceNotOpen(Conflict):
    """Only an open invoice can be paid, voided or written off."""


class CreditExceedsInvoice(Conflict):
    """More would be credited than was invoiced."""


class CreditInvalid(InvalidInput):
    """What is to be credited makes no sense: nothing, or not a payable amount."""


class ChargeInvalid(InvalidInput):
    """A one-off charge cannot be made like this."""


class ChargeKeyReused(Conflict):
    """Other charges were made with this key."""


class NumberingInvalid(InvalidInput):
    """Invoices cannot be numbered so."""


class PriceMoveInvalid(InvalidInput):
    """Subscribers cannot be moved to other prices like this."""


class PriceMoveNotRunning(Conflict):
    """Nothing of the move to other prices is to come."""


class DryRunInvalid(InvalidInput):
    """There is nothing to work out by such a day, or something is being worked out already."""


class DryRunNotRunning(Conflict):
    """The dry run is over."""


class BeingWorkedOn(Conflict):
    """Somebody else holds some of these subscriptions right now."""


class CouponInvalid(InvalidInput):
    """There is no such coupon, it cannot be redeemed, or what it should give makes no sense."""


class CampaignInvalid(InvalidInput):
    """A dunning campaign contradicts itself."""


class DunningEnded(Conflict):
    """The dunning run has ended, or the step was done already."""


class PromiseInvalid(InvalidInput):
    """A promise to pay names a day that makes no sense."""


class PayLinkEnded(Conflict):
    """A link to pay by opens nothing: unknown, expired, revoked, or used by somebody else."""


class PartInvalid(InvalidInput):
    """So much of an invoice cannot be paid at once."""


class PayLinkInvalid(InvalidInput):
    """A link to pay by cannot be made so."""


class NothingOverpaid(Conflict):
    """Not as much was paid too much."""


class CreditKeyReused(Conflict):
    """Another credit was granted or withdrawn with this key."""


class CreditBalanceTooSmall(Conflict):
    """More would be taken than is on the credit balance."""


class CreditNoteKeyReused(Conflict):
    """Another credit note was made with this key."""


class PlanChangeInvalid(InvalidInput):
    """The change changes nothing, or its quantity makes no sense."""


class OpeningBillInvalid(InvalidInput):
    """What another engine has billed fits no subscription as that has moved in."""


class OpeningBillUsed(Conflict):
    """What was billed elsewhere is given back of already, or was taken back."""


class PlanChangeNotNow(Conflict):
    """The subscription is not in a state, or not at a time, that allows a change of plan."""


class DatedChangeInvalid(InvalidInput):
    """A change cannot be scheduled for this day."""


class BackdatingInvalid(InvalidInput):
    """A change cannot be made as of this day: it is not over, or something of it is settled."""


class PaymentInFlight(Conflict):
    """An attempt may already have moved this money; its outcome must be known first."""


class MethodInvalid(InvalidInput):
    """A stored way to pay cannot be taken over like this."""


class PaymentMethodMissing(Conflict):
    """The customer has no stored way to pay."""


class NothingToCharge(Conflict):
    """No stored method can be charged anywhere now; says why."""


class NothingMeasured(Conflict):
    """No other fee than the rule's was measured."""


class PaymentHeld(Conflict):
    """Risk rules hold the payment back: a person has to look at it first."""


class ReviewDecided(Conflict):
    """The review was decided already, or nobody says who decides and why."""


class PolicyNotDraft(Conflict):
    """A routing policy that is in force, or was, is never changed; drafts are."""


class CorrectionRefused(Conflict):
    """What a gateway contradicts cannot be corrected so, or not by this person."""


class ProofMissing(Conflict):
    """An outcome may be told only by a person, with a proof, when the gateway cannot tell."""


class HoldNotPossible(Conflict):
    """Money cannot be held here, or of this hold this cannot be done any more."""


class CaptureExceedsHold(Conflict):
    """More would be captured than was authorised."""


class PaymentNotRefundable(Conflict):
    """The payment is not paid, or this amount cannot be given back of it."""


class RefundExceedsPayment(Conflict):
    """More would be refunded than was paid."""


class PaymentDisputed(Conflict):
    """The payment is contested at the bank: nothing is asked for or given back meanwhile."""


class DisputedTooEarly(Conflict):
    """A dispute is told of before its payment is known to be paid; it will be told of again."""


class DisputedWhileHeld(DisputedTooEarly):
    """What was taken of a hold is disputed while the rest is held: it waits for the hold's end."""


class DisputeNotAnswerable(Conflict):
    """The bank does not wait for an answer, or the gateway takes none."""


class DisputeAnswered(Conflict):
    """This round's answer was sent: it is handed in once."""


class DisputeContradicts(InvariantViolation):
    """A gateway tells of a dispute what cannot be: another payment's, or in another currency."""


class StateMoveNotAllowed(Conflict):
    """The payment, attempt, refund or dispute is not in a state that allows this move."""


class TotalsDisagree(InvariantViolation):
    """A document's parts do not add up to its total."""


class GatewayUnavailable(GatewayError):
    """The gateway could not be reached, or did not answer in time."""


class GatewayRefused(GatewayError):
    """The gateway understood the request and refused it: a fault of ours or of the set-up."""


class WebhookForged(InvalidInput):
    """The request does not come from the gateway: its signature is missing or wrong."""


class WebhookUnreadable(InvalidInput):
    """The request cannot be read as events of the gateway."""


class NoticeNotResendable(Conflict):
    """The notice is not in a state in which this can be done."""


class WebhookInvalid(InvalidInput):
    """An endpoint cannot be made like this."""


class BudgetInvalid(InvalidInput):
    """A budget cannot be set like this."""


class OfferInvalid(InvalidInput):
    """An offer to customers who leave contradicts itself."""


class OfferGone(Conflict):
    """An offer that was answered already."""


class NotComingBack(Conflict):
    """A subscription that has ended cannot begin anew like this."""
