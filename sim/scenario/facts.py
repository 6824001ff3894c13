"""Facts: published figures as inputs, calibration targets, checks or goals, never two of them at once."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator

from sim.quantities import parse_money, parse_share
from sim.scenario.fields import Described, Id, LocalName, Share, Table, When


def _figure(raw: Any) -> float:
    """A published figure: money, a share or a count, as written."""
    if isinstance(raw, str) and raw.strip().endswith(("%", "％")):
        return parse_share(raw)
    return parse_money(raw)


class Fact(Table):
    """One published figure and how it is used."""

    id: Id
    name: LocalName | None = None
    metric: str = Described("metric it speaks of; a sum is written `a + b`")
    date: When = Described("quarter it holds for")
    since: When | None = Described("the value is the difference to this quarter", default=None)
    value: Annotated[float, BeforeValidator(_figure)]
    tolerance: Share | None = Described("how exact the published figure is", default=None)
    bound: Literal["at_least", "at_most"] | None = Described("for a figure given as a floor or a ceiling", default=None)
    statistic: Literal["max"] | None = Described("compared with the largest among comparable firms", default=None)
    use: Literal["input", "calibrate", "check", "goal"]
