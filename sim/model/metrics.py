"""What a world reports: the declaration of a metric, known without running anything."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["stock", "flow", "ratio", "index"]

UNITS = (
    "firms", "certificates", "funds", "rounds", "jobs", "CNY", "ratio", "share", "years", "index",
    "times", "units", "kinds", "m2", "kgce", "kgce_per_10k",
)  # fmt: skip
KINDS: tuple[Kind, ...] = ("stock", "flow", "ratio", "index")


@dataclass(frozen=True)
class Metric:
    """One reported quantity. `name` is dotted and plain; the axis label of every figure is `label[lang]`.

    A "stock" is a level at the end of the quarter, a "flow" an amount within it; a "ratio" and an "index" have no sum.
    A stock that only ever adds up (a cumulative count) is a stock too.
    """

    name: str
    unit: str
    label: dict[str, str] = field(hash=False)
    kind: Kind = "stock"

    def __post_init__(self) -> None:
        if self.unit not in UNITS:
            raise ValueError(f"metric {self.name}: unit {self.unit!r} is none of {', '.join(UNITS)}")
        if self.kind not in KINDS:
            raise ValueError(f"metric {self.name}: kind {self.kind!r} is none of {', '.join(KINDS)}")
        if not {"zh", "en"} <= self.label.keys():
            raise ValueError(f"metric {self.name}: its label needs zh and en, found {sorted(self.label)}")

    def to_json(self) -> dict[str, object]:
        return {"name": self.name, "unit": self.unit, "kind": self.kind, "label": dict(self.label)}
