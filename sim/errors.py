"""Errors for people: what is wrong, where, what was found, what would be right."""

from collections.abc import Sequence
from dataclasses import dataclass


def in_language(message: str, lang: str) -> str:
    """A message that is raised in English, as the reader of `lang` is told it."""
    if lang != "zh":
        return message
    from sim.messages import chinese  # read only where something is told in Chinese

    return chinese(message)


def placeholders(text: str, lang: str) -> str:
    """What stands for something to be written, as in PATH=VALUE, named in the reader's language."""
    if lang != "zh":
        return text
    from sim.messages import filled

    return filled(text)


def in_both(message: str) -> dict[str, str]:
    """The same for a reader whose language is known later, as on the page."""
    return {lang: in_language(message, lang) for lang in ("zh", "en")}


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with what the user gave.

    file, line: where; key: dotted path; found: the value; expected: what is allowed; nearest: the name probably meant;
    meaning: what the key means, in Chinese and in English, where who reads may not know it.
    """

    message: str
    file: str | None = None
    line: int | None = None
    key: str | None = None
    found: str | None = None
    expected: str | None = None
    nearest: str | None = None
    meaning: tuple[str, str] | None = None

    def __str__(self) -> str:
        """`file:line: key: message (found …; expected …; did you mean …?)`, on one line whatever was found."""
        return self.told("en")

    def told(self, lang: str) -> str:
        """The same in the reader's language (sim.messages); what the user wrote stays as it was written."""
        where = ""
        if self.file:
            where = f"{self.file}:{self.line}: " if self.line else f"{self.file}: "
        key = f"{in_language(self.key, lang) if ' ' in self.key else self.key}: " if self.key else ""
        zh = lang == "zh"
        extra = []
        if self.meaning and all(self.meaning):
            extra.append(f"含义：{self.meaning[0]}" if zh else f"it means: {self.meaning[1]}")
        if self.found is not None:
            found = in_language(self.found, lang)
            extra.append(f"现为 {found}" if zh else f"found {found}")
        if self.expected:
            expected = placeholders(in_language(self.expected, lang), lang)
            extra.append(f"应为 {expected}" if zh else f"expected {expected}")
        if self.nearest:
            extra.append(f"是否指 {self.nearest}？" if zh else f"did you mean {self.nearest}?")
        tail = (f"（{'；'.join(extra)}）" if zh else f" ({'; '.join(extra)})") if extra else ""
        return " ".join(f"{where}{key}{in_language(self.message, lang)}{tail}".splitlines())


NO_SUCH_METRIC = "no such metric: `python run.py metrics SCENARIO` lists them"


class UserError(Exception):
    """The user's input is wrong: exit status 2. Holds one or more Problems."""

    def __init__(self, problems: Problem | str | Sequence[Problem]) -> None:
        if isinstance(problems, str):
            problems = [Problem(problems)]
        elif isinstance(problems, Problem):
            problems = [problems]
        self.problems: list[Problem] = list(problems)
        super().__init__("\n".join(str(p) for p in self.problems))

    def __reduce__(self) -> tuple[type["UserError"], tuple[list[Problem]]]:
        """A worker process hands the problems over one by one, not as one text."""
        return type(self), (self.problems,)


class RunError(Exception):
    """The run failed though the input was right: exit status 1."""


class OneOf(str):
    """The path of a problem that lies with several items together: a table, and the paths `of` which one may be newer
    than it. The loader blames that one."""

    of: tuple[str, ...]

    def __new__(cls, path: str, of: Sequence[str]) -> "OneOf":
        self = super().__new__(cls, path)
        self.of = tuple(of)
        return self


class ScenarioProblems(ValueError):
    """Several problems found by a validator of a scenario's model: (path, message, found, allowed names) each.

    Paths are dotted and start at the table whose validator raises. The loader gives each its file and line, and the
    nearest of the allowed names.
    """

    def __init__(self, problems: Sequence[tuple[str, str, object, list[str]]]) -> None:
        self.problems = list(problems)
        super().__init__("; ".join(f"{p}: {m}" if p else m for p, m, _, _ in self.problems))


def reference_problem(
    key: str, found: object, allowed: Sequence[str], message: str = "no such name"
) -> ScenarioProblems:
    """What a validator raises where a name refers to nothing: `raise reference_problem("parent", self.parent, ids)`."""
    return ScenarioProblems([(key, message, found, list(allowed))])
