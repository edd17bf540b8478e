"""What a scenario is refused for, and where it stands in the file."""

from dataclasses import dataclass

from tiktoktoe.kernel.errors import InvalidInput


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where a value stands: the line, and the way to it from the top."""

    line: int
    path: str

    def inside(self, name: str | int, line: int) -> "Place":
        """The place of something in it."""
        step = f"[{name}]" if isinstance(name, int) else f".{name}" if self.path else name
        return Place(line, f"{self.path}{step}")

    def __str__(self) -> str:
        return f"line {self.line}, {self.path}" if self.path else f"line {self.line}"


class ScenarioInvalid(InvalidInput):
    """Something in the file cannot be read or cannot be; `field` is its place."""

    def __init__(self, message: str, place: Place, *, allowed: str = "") -> None:
        super().__init__(message, field=str(place), remedy=allowed)
        self.place = place


class ScenarioFaulty(InvalidInput):
    """All that is wrong with a file, a line for each."""

    def __init__(self, faults: list[ScenarioInvalid]) -> None:
        ordered = sorted(faults, key=lambda fault: fault.place)
        super().__init__("\n".join(dict.fromkeys(str(fault) for fault in ordered)))
        self.faults = tuple(ordered)


class StepRefused(InvalidInput):
    """The engine refused what a step of the timeline asked for."""

    def __init__(self, place: Place, problem: Exception) -> None:
        super().__init__(f"refused: {problem}", field=str(place))
        self.place = place
        self.problem = problem
