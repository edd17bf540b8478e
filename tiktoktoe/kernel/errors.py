"""What can go wrong, by who can do something about it."""


class TikTokToeError(Exception):
    """Root of every error that this project raises on purpose."""


class InvalidInput(TikTokToeError):
    """What somebody entered or sent cannot be used; says which field, and the way out."""

    def __init__(self, message: str, *, field: str = "", remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.remedy = remedy

    def __str__(self) -> str:
        place = f"{self.field}: " if self.field else ""
        way_out = f" ({self.remedy})" if self.remedy else ""
        return f"{place}{self.message}{way_out}"


class Conflict(TikTokToeError):
    """The thing is not in a state that allows what was asked; nothing was changed."""


class InvariantViolation(TikTokToeError):
    """Something that must always hold does not: a fault of ours, to be reported."""


class GatewayError(TikTokToeError):
    """The outside world did not do what was asked, or did not say whether it did."""
