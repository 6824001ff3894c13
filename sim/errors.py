"""Errors for people: what is wrong, where, what was found, what would be right."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with what the user gave.

    file, line: where; key: dotted path; found: the value; expected: what is allowed; nearest: the name probably meant.
    """

    message: str
    file: str | None = None
    line: int | None = None
    key: str | None = None
    found: str | None = None
    expected: str | None = None
    nearest: str | None = None

    def __str__(self) -> str:
        where = ""
        if self.file:
            where = f"{self.file}:{self.line}: " if self.line else f"{self.file}: "
        key = f"{self.key}: " if self.key else ""
        extra = []
        if self.found is not None:
            extra.append(f"found {self.found}")
        if self.expected:
            extra.append(f"expected {self.expected}")
        if self.nearest:
            extra.append(f"did you mean {self.nearest}?")
        tail = f" ({'; '.join(extra)})" if extra else ""
        return f"{where}{key}{self.message}{tail}"


class UserError(Exception):
    """The user's input is wrong: exit status 2. Holds one or more Problems."""

    def __init__(self, problems: Problem | str | Sequence[Problem]) -> None:
        if isinstance(problems, str):
            problems = [Problem(problems)]
        elif isinstance(problems, Problem):
            problems = [problems]
        self.problems: list[Problem] = list(problems)
        super().__init__("\n".join(str(p) for p in self.problems))


class RunError(Exception):
    """The run failed though the input was right: exit status 1."""
