"""Which colour a state has, everywhere: five tones, never the only sign."""

GOOD = "good"
INFO = "info"
WARN = "warn"
BAD = "bad"
QUIET = "quiet"

TONES = {
    GOOD: {
        "active",
        "paid",
        "succeeded",
        "done",
        "posted",
        "matched",
        "published",
        "accepted",
        "booked",
        "sent",
        "delivered",
        "won",
        "submitted",
    },
    INFO: {
        "open",
        "part_paid",
        "trialing",
        "processing",
        "running",
        "pending",
        "authorized",
        "dispatched",
        "queued",
        "planned",
        "filed",
        "written",
        "sending",
        "under_review",
    },
    WARN: {
        "requires_action",
        "incomplete",
        "unknown",
        "paused",
        "scheduled",
        "retrying",
        "late",
        "drifted",
        "beyond",
        "waiting",
        "part",
        "inquiry",
        "needs_response",
    },
    BAD: {
        "past_due",
        "overdue",
        "failed",
        "declined",
        "uncollectible",
        "rejected",
        "disputed",
        "charged_back",
        "lost",
        "bounced",
        "returned",
        "revoked",
        "unreadable",
    },
    QUIET: {
        "draft",
        "discarded",
        "elsewhere",
        "void",
        "canceled",
        "expired",
        "removed",
        "abandoned",
        "not_sent",
        "refunded",
        "skipped",
        "stopped",
        "used",
        "aside",
    },
}
TONE_BY_STATE = {state: tone for tone, states in TONES.items() for state in states}
NAMES = {  # what no capital at the beginning makes right
    "paypal": "PayPal",
    "add_ons": "Add-ons",
    "elsewhere": "Billed elsewhere",
    "opening": "Opening bill",
}


def tone_of(state: object) -> str:
    """The tone of a state; unknown ones are quiet."""
    return TONE_BY_STATE.get(str(state), QUIET)


def label_of(state: object) -> str:
    """A state, or a gateway's code, in words."""
    return NAMES.get(str(state)) or str(state).replace("_", " ").capitalize()
