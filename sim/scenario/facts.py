"""Facts: published figures as inputs, calibration targets, checks or goals, never two of them at once."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, PrivateAttr, WithJsonSchema, model_validator

from sim.errors import ScenarioProblems
from sim.quantities import parse_figure, quarter_name
from sim.scenario.fields import Described, Id, LocalName, Share, Table, When

Figure = Annotated[
    float, BeforeValidator(parse_figure), WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string"}]})
]


class Fact(Table):
    """One published figure and how it is used."""

    settled = "all"

    id: Id
    name: LocalName | None = None
    metric: str = Described("metric it speaks of; a sum is written `a + b`")
    date: When = Described("quarter it holds for")
    since: When | None = Described("the value is the difference to this quarter", default=None)
    value: Figure = Described("as published: 151亿, 25%, 7000, 70家; in base units (yuan, shares)")
    unit: str | None = Described("unit of a bare number, where it was printed apart: 亿, %, 家", default=None)
    tolerance: Share | None = Described("how exact the published figure is", default=None)
    bound: Literal["at_least", "at_most"] | None = Described("for a figure given as a floor or a ceiling", default=None)
    statistic: Literal["max"] | None = Described("compared with the largest among comparable firms", default=None)
    use: Literal["input", "calibrate", "check", "goal"] = Described("what it is for: one of them, never two")

    @model_validator(mode="before")
    @classmethod
    def _with_its_unit(cls, raw: Any) -> Any:
        """{ value = 151, unit = "亿" } is 151亿."""
        if not isinstance(raw, dict) or not isinstance(raw.get("unit"), str):
            return raw
        value = raw.get("value")
        if isinstance(value, str):
            raise ScenarioProblems([("unit", "the unit is written once, in the value or here", raw["unit"], [])])
        plain = isinstance(value, int | float) and not isinstance(value, bool)
        return {**raw, "value": f"{value}{raw['unit']}"} if plain else raw

    _written: Any = PrivateAttr(default=None)  # the value with its unit, which the metric's own must allow

    @model_validator(mode="wrap")
    @classmethod
    def _notes_how_it_is_written(cls, raw: Any, handler: Any) -> "Fact":
        fact = handler(raw)
        if isinstance(raw, dict):
            fact._written = raw.get("value") if raw.get("unit") is None else f"{raw.get('value')}{raw['unit']}"
        return fact

    @model_validator(mode="after")
    def _since_comes_first(self) -> "Fact":
        if self.since is not None and self.since >= self.date:
            raise ScenarioProblems([("since", "must come before the date", quarter_name(self.since), [])])
        return self
