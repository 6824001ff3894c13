"""What a scenario is written with: quantities with unit, source and grade; dates; names; tables.

A quantity is written as a number, as text with a unit ("50亿", "20%", "10y"), or as a table that adds where it comes
from: { value = …, source = …, grade = … }, or how uncertain it is: { lognormal = { median = …, p95 = … }, … }.
No numpy or numba here: `check` and `schema` are quick.
"""

import re
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, GetJsonSchemaHandler, PrivateAttr

from sim.quantities import parse_money, parse_number, parse_quarter, parse_share, parse_years

Grade = Literal["published", "estimated", "assumed"]
DISTRIBUTIONS = ("lognormal", "normal", "uniform", "triangular", "beta", "choices")


def Described(text: str, *, default: Any = ...) -> Any:
    """A field with its meaning in words; the schema, the template and the parameter page print it."""
    return Field(default, description=text)


class Distribution(BaseModel):
    """How uncertain a parameter is, in base units."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str
    median: float = 0.0
    p95: float = 0.0
    mean: float = 0.0
    sd: float = 0.0
    low: float = 0.0
    mode: float = 0.0
    high: float = 0.0
    choices: tuple[float, ...] = ()

    @property
    def centre(self) -> float:
        """The value used where one number is needed: median, mean or middle."""
        if self.kind == "lognormal":
            return self.median
        if self.kind in ("normal", "beta"):
            return self.mean
        if self.kind == "uniform":
            return 0.5 * (self.low + self.high)
        if self.kind == "triangular":
            return (self.low + self.mode + self.high) / 3.0
        return sorted(self.choices)[len(self.choices) // 2]

    @property
    def support(self) -> tuple[float, float]:
        """Smallest and largest value it can give."""
        if self.kind == "lognormal":
            return 0.0, float("inf")
        if self.kind == "normal":
            return float("-inf"), float("inf")
        if self.kind == "beta":
            return 0.0, 1.0
        if self.kind == "choices":
            return min(self.choices), max(self.choices)
        return self.low, self.high

    def __str__(self) -> str:
        names = {
            "lognormal": ("median", "p95"),
            "normal": ("mean", "sd"),
            "beta": ("mean", "sd"),
            "uniform": ("low", "high"),
            "triangular": ("low", "mode", "high"),
            "choices": ("choices",),
        }[self.kind]
        return f"{self.kind}({', '.join(f'{n} {getattr(self, n)!r}' for n in names)})"


class Quantity(BaseModel):
    """One number about the world: value in base units (yuan, years, shares, per year), unit, source, grade."""

    model_config = ConfigDict(extra="forbid")

    value: float
    unit: str
    source: str = ""
    grade: Grade | None = None
    note: str = ""
    distribution: Distribution | None = None
    path: str = ""


def _distribution(kind: str, raw: Any, parse: Callable[[object], float]) -> Distribution:
    """Read one distribution; ValueError says what is missing."""
    if kind in ("uniform", "triangular", "choices"):
        if not isinstance(raw, list) or not raw:
            raise ValueError(f"`{kind}` takes a list of numbers")
        numbers = [parse(x) for x in raw]
        if kind == "choices":
            return Distribution(kind=kind, choices=tuple(numbers))
        need = 2 if kind == "uniform" else 3
        if len(numbers) != need or sorted(numbers) != numbers or numbers[0] == numbers[-1]:
            raise ValueError(f"`{kind}` takes {need} rising numbers, low to high")
        if kind == "uniform":
            return Distribution(kind=kind, low=numbers[0], high=numbers[1])
        return Distribution(kind=kind, low=numbers[0], mode=numbers[1], high=numbers[2])
    names = ("median", "p95") if kind == "lognormal" else ("mean", "sd")
    if not isinstance(raw, dict) or set(raw) != set(names):
        raise ValueError(f"`{kind}` takes {{ {names[0]} = …, {names[1]} = … }}")
    a, b = parse(raw[names[0]]), parse(raw[names[1]])
    if kind == "lognormal":
        if not 0 < a < b:
            raise ValueError("`lognormal` needs 0 < median < p95")
        return Distribution(kind=kind, median=a, p95=b)
    if b <= 0:
        raise ValueError(f"`{kind}` needs sd > 0")
    if kind == "beta" and not (0 < a < 1 and b * b < a * (1 - a)):
        raise ValueError("`beta` needs a mean between 0 and 1 and sd² below mean (1 - mean)")
    return Distribution(kind=kind, mean=a, sd=b)


class _Kind:
    """Parser, unit and bounds of one kind of quantity; also tells pydantic's JSON Schema how it is written."""

    def __init__(
        self, unit: str, parse: Callable[[object], float], low: float = float("-inf"), high: float = float("inf")
    ) -> None:
        self.unit, self.parse, self.low, self.high = unit, parse, low, high

    def _bounded(self, value: float) -> float:
        if not self.low <= value <= self.high:
            if self.high == float("inf"):
                raise ValueError(f"must be at least {self.low:g} ({self.unit})")
            raise ValueError(f"must lie between {self.low:g} and {self.high:g} ({self.unit})")
        return value

    def read(self, raw: Any) -> Any:
        """Whatever was written -> the fields of a Quantity."""
        if isinstance(raw, Quantity):
            return raw
        if not isinstance(raw, dict):
            return {"value": self._bounded(self.parse(raw)), "unit": self.unit}
        known = {"value", "source", "grade", "note", "unit", *DISTRIBUTIONS}
        for key in raw:
            if key not in known:
                import difflib

                near = difflib.get_close_matches(key, sorted(known), 1)
                hint = f"; did you mean {near[0]}?" if near else ""
                raise ValueError(
                    f"unknown key `{key}` in a quantity{hint} Allowed: {', '.join(sorted(known - {'unit'}))}"
                )
        given = [k for k in DISTRIBUTIONS if k in raw]
        if len(given) + ("value" in raw) == 0:
            return raw  # provenance alone: the value stands in the file that this one extends
        if len(given) > 1 or (given and "value" in raw):
            raise ValueError(f"give one of value, {', '.join(DISTRIBUTIONS)}, not several")
        out = {k: raw[k] for k in ("source", "grade", "note") if k in raw}
        out["unit"] = self.unit
        if given:
            d = _distribution(given[0], raw[given[0]], self.parse)
            low, high = d.support
            if d.kind != "normal" and (low < self.low or (high > self.high and d.kind != "lognormal")):
                raise ValueError(
                    f"the distribution leaves the allowed range {self.low:g} to {self.high:g} ({self.unit})"
                )
            out["distribution"] = d
            out["value"] = self._bounded(d.centre)
        else:
            out["value"] = self._bounded(self.parse(raw["value"]))
        return out

    def __get_pydantic_json_schema__(self, core_schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        bounds: dict[str, Any] = {}
        if self.low != float("-inf"):
            bounds["minimum"] = self.low
        if self.high != float("inf"):
            bounds["maximum"] = self.high
        written = [{"type": "number", **bounds}, {"type": "string"}]
        pair = {"anyOf": [{"type": "number"}, {"type": "string"}]}

        def table(*names: str) -> dict[str, Any]:
            return {
                "type": "object",
                "properties": dict.fromkeys(names, pair),
                "required": list(names),
                "additionalProperties": False,
            }

        some = {"type": "array", "items": pair}
        return {
            "anyOf": [
                *written,
                {
                    "type": "object",
                    "additionalProperties": False,
                    "properties": {
                        "value": {"anyOf": written},
                        "source": {"type": "string"},
                        "grade": {"enum": ["published", "estimated", "assumed"]},
                        "note": {"type": "string"},
                        "lognormal": table("median", "p95"),
                        "normal": table("mean", "sd"),
                        "beta": table("mean", "sd"),
                        "uniform": some,
                        "triangular": some,
                        "choices": some,
                    },
                },
            ],
            "x-unit": self.unit,
        }


def _kind(kind: _Kind) -> Any:
    return Annotated[Quantity, BeforeValidator(kind.read), kind]


_INF = float("inf")
Money = Annotated[Quantity, BeforeValidator((_m := _Kind("CNY", parse_money, 0.0)).read), _m]
Share = Annotated[Quantity, BeforeValidator((_s := _Kind("share", parse_share, 0.0, 1.0)).read), _s]
Probability = Annotated[Quantity, BeforeValidator((_p := _Kind("probability", parse_share, 0.0, 1.0)).read), _p]
Rate = Annotated[Quantity, BeforeValidator((_r := _Kind("per year", parse_share, 0.0)).read), _r]
SignedRate = Annotated[Quantity, BeforeValidator((_sr := _Kind("per year", parse_share)).read), _sr]
Ratio = Annotated[Quantity, BeforeValidator((_ra := _Kind("ratio", parse_number, 0.0)).read), _ra]
Number = Annotated[Quantity, BeforeValidator((_n := _Kind("number", parse_number)).read), _n]
Years = Annotated[Quantity, BeforeValidator((_y := _Kind("years", parse_years, 0.0)).read), _y]
Count = Annotated[Quantity, BeforeValidator((_c := _Kind("count", parse_number, 0.0)).read), _c]
Area = Annotated[Quantity, BeforeValidator((_a := _Kind("m2", parse_number, 0.0)).read), _a]
When = Annotated[int, BeforeValidator(parse_quarter), Field(json_schema_extra={"type": ["string", "integer"]})]


def _slug(value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[a-z0-9][a-z0-9_-]*", value):
        raise ValueError("an id is made of small letters, digits, - and _")
    return value


Id = Annotated[str, BeforeValidator(_slug)]


class LocalName(BaseModel):
    """A name in both languages; one text stands for both."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    zh: str
    en: str

    def get(self, lang: str) -> str:
        return self.zh if lang == "zh" else self.en

    @classmethod
    def _read(cls, raw: Any) -> Any:
        return {"zh": raw, "en": raw} if isinstance(raw, str) else raw


LocalName_ = LocalName
LocalName = Annotated[LocalName_, BeforeValidator(LocalName_._read)]  # type: ignore[misc]


class Table(BaseModel):
    """A table of a scenario. `source`, `grade` and `note` hold for every quantity below that has none of its own."""

    model_config = ConfigDict(extra="forbid", ignored_types=())

    source: str | None = None
    grade: Grade | None = None
    note: str | None = None

    _path: str = PrivateAttr(default="")


def iter_quantities(model: Any, path: str = "") -> Iterator[tuple[str, Quantity]]:
    """Every quantity below a model with its dotted path; list items are named by their id, or by their place."""
    if isinstance(model, Quantity):
        yield path, model
    elif isinstance(model, BaseModel):
        for name in type(model).model_fields:
            yield from iter_quantities(getattr(model, name), f"{path}.{name}" if path else name)
    elif isinstance(model, dict):
        for key, value in model.items():
            yield from iter_quantities(value, f"{path}.{key}" if path else str(key))
    elif isinstance(model, list | tuple):
        for i, value in enumerate(model):
            yield from iter_quantities(value, f"{path}.{getattr(value, 'id', i)}")
