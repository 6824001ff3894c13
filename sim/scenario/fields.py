"""What a scenario is written with: quantities with unit, source and grade; dates; names; tables.

A quantity is written as a number, as text with a unit ("50亿", "20%", "10y"), or as a table that adds where it comes
from: { value = …, source = …, grade = … }, or how uncertain it is: { lognormal = { median = …, p95 = … }, … }.
No numpy or numba here: `check` and `schema` are quick.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PrivateAttr,
    WithJsonSchema,
)
from pydantic_core import core_schema

from sim.errors import reference_problem
from sim.quantities import (
    parse_amount,
    parse_count,
    parse_figure,
    parse_money,
    parse_number,
    parse_quarter,
    parse_ratio,
    parse_share,
    parse_years,
)

Grade = Literal["published", "estimated", "assumed"]
DISTRIBUTIONS = ("lognormal", "normal", "uniform", "triangular", "beta", "choices")
LISTED = ("uniform", "triangular", "choices")  # written as a list of numbers; the others as a table
QUANTITY_KEYS = frozenset({"value", "unit", "source", "grade", "note", "exact", *DISTRIBUTIONS})
Z95 = 1.6448536269514722  # the standard normal's 95th percentile
WIDEST = 10_000.0  # p95 over median of a lognormal: wider ones draw what no float holds
_INF = float("inf")


def Described(text: str, *, default: Any = ...) -> Any:
    """A field with its meaning in words; the schema, the template and the parameter page print it.

    default: as one would write it in a file ("10y", 0.2); it is read and checked like what a file says.
    """
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
            return 0.0, _INF
        if self.kind == "normal":
            return -_INF, _INF
        if self.kind == "beta":
            return 0.0, 1.0
        if self.kind == "choices":
            return min(self.choices), max(self.choices)
        return self.low, self.high

    @property
    def reach(self) -> tuple[float, float]:
        """The support where it has an end; else as far as the 5th or 95th percentile. Must keep to the bounds."""
        if self.kind == "lognormal":
            return 0.0, self.p95
        if self.kind == "normal":
            return self.mean - Z95 * self.sd, self.mean + Z95 * self.sd
        return self.support

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


@dataclass(frozen=True)
class Doubt:
    """How far a number may be off because of its grade (sim.scenario.doubt); what it states is the median.

    The distance from `origin` (0; 1 for a factor, which says nothing at 1) is lognormal with standard deviation `sd`
    of its log; where `bound`, on the number's side of the origin, is finite, the odds of that distance over the whole
    way to the bound are, so that no draw lies beyond. Numbers with one `address` share one draw.
    """

    sd: float
    origin: float
    bound: float
    address: str


class Quantity(BaseModel):
    """One number about the world: value in base units (yuan, years, shares, per year), unit, source, grade.

    The loader sets `path` (dotted), source and grade where the number has none of its own, and what doubt its grade
    gives it.
    """

    model_config = ConfigDict(extra="forbid")

    value: float
    unit: str
    source: str = ""
    grade: Grade | None = None
    note: str = ""
    distribution: Distribution | None = None
    path: str = ""
    exact: bool = False  # carries no doubt by grade: what is set on purpose
    doubt: Doubt | None = None
    computed: bool = False  # worked out by the program, as the end of a range, which may cut a fund in two


def is_quantity(x: object) -> bool:
    """Whether a table of a file is a number with what belongs to it; { cold = 1, normal = 2, hot = 3 } is none."""
    if not isinstance(x, dict) or not set(x) <= QUANTITY_KEYS:
        return False
    return "value" in x or any(isinstance(x.get(k), list if k in LISTED else dict) for k in DISTRIBUTIONS)


def _distribution(kind: str, raw: Any, parse: Callable[[object], float]) -> Distribution:
    """Read one distribution; ValueError says what is missing."""
    if kind in LISTED:
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
        if not b <= WIDEST * a:
            raise ValueError(f"`lognormal` needs a p95 of at most {WIDEST:,.0f} times its median")
        return Distribution(kind=kind, median=a, p95=b)
    if b <= 0:
        raise ValueError(f"`{kind}` needs sd > 0")
    if kind == "beta" and not (0 < a < 1 and b * b < a * (1 - a)):
        raise ValueError("`beta` needs a mean between 0 and 1 and sd² below mean (1 - mean)")
    return Distribution(kind=kind, mean=a, sd=b)


@dataclass(frozen=True)
class Bounds:
    """Bounds of a quantity in base units; tighter ones of one field: `Annotated[Ratio, Bounds(gt=0, le=10)]`.

    They hold for the value and for what its distribution can give (see Distribution.reach). A lower bound of 0 that is
    excluded (`gt=0`) admits a lognormal.
    """

    gt: float = -_INF
    ge: float = -_INF
    lt: float = _INF
    le: float = _INF

    def __str__(self) -> str:
        if self.ge > -_INF and self.le < _INF and self.gt == -_INF and self.lt == _INF:
            return f"between {self.ge:g} and {self.le:g}"
        words = (("above", self.gt), ("at least", self.ge), ("below", self.lt), ("at most", self.le))
        return " and ".join(f"{word} {bound:g}" for word, bound in words if abs(bound) < _INF)

    def holds(self, x: float) -> bool:
        return self.gt < x < self.lt and self.ge <= x <= self.le

    def refuse(self, value: float, distribution: Distribution | None, unit: str) -> None:
        """ValueError where the value or what the distribution can give lies outside."""
        if distribution is not None:
            low, high = distribution.reach
            positive = distribution.kind == "lognormal" and self.gt == 0  # it comes near 0 and never reaches it
            if not (self.holds(high) and (positive or self.holds(low))):
                raise ValueError(f"the distribution leaves the allowed range: {self} ({unit})")
        if not self.holds(value):
            verb = "lie" if str(self).startswith("between") else "be"
            raise ValueError(f"must {verb} {self} ({unit})")

    def _checked(self, quantity: Any) -> Any:
        if isinstance(quantity, Quantity):  # an optional field may hold None
            self.refuse(quantity.value, quantity.distribution, quantity.unit)
        return quantity

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_after_validator_function(self._checked, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        out = handler(schema)
        for written in out.get("anyOf", ()):
            if written.get("type") == "number":
                written.update(self.json())
        return out

    def json(self) -> dict[str, float]:
        """As JSON Schema says it of a bare number."""
        words = (
            ("exclusiveMinimum", self.gt),
            ("minimum", self.ge),
            ("exclusiveMaximum", self.lt),
            ("maximum", self.le),
        )
        return {word: bound for word, bound in words if abs(bound) < _INF}


class Computed(float):
    """A number in base units that the program worked out: nobody left its unit away."""


class Kind:
    """Parser, unit and bounds of one kind of quantity; also tells pydantic's JSON Schema how it is written.

    magnitude: whether a number of this kind says how much or how likely, and so may be off by a part of itself.
    far: a size that no such number has, either way. What is larger is a slip, and would end in numbers that no float
    holds. `bounds` are those of the meaning and limit what doubt by grade draws; `allowed` are both together."""

    def __init__(
        self,
        unit: str,
        parse: Callable[[object], float],
        low: float = -_INF,
        high: float = _INF,
        magnitude: bool = True,
        far: float = _INF,
    ) -> None:
        self.unit, self.parse, self.bounds, self.magnitude = unit, parse, Bounds(ge=low, le=high), magnitude
        self.far, self.allowed = far, Bounds(ge=max(low, -far), le=min(high, far))
        self.parse_with_unit = parse_money if parse is parse_amount else parse

    def read(self, raw: Any) -> Any:
        """Whatever was written -> the fields of a Quantity."""
        if isinstance(raw, Quantity):
            return raw
        if not isinstance(raw, dict):
            parse = self.parse_with_unit if isinstance(raw, Computed) else self.parse
            return self._quantity(parse(raw), None) | {"computed": isinstance(raw, Computed)}
        for key in raw:
            if key not in QUANTITY_KEYS:
                raise reference_problem(str(key), key, sorted(QUANTITY_KEYS), "unknown key in a quantity")
        given = [k for k in DISTRIBUTIONS if k in raw]
        if len(given) + ("value" in raw) == 0:
            kept = (
                "source",
                "grade",
                "note",
                "exact",
            )  # provenance alone: the value stands in the file that this one extends
            return {"unit": self.unit, **{k: raw[k] for k in kept if k in raw}}
        if len(given) > 1 or (given and "value" in raw):
            raise ValueError(f"give one of value, {', '.join(DISTRIBUTIONS)}, not several")
        if given:
            if raw.get("unit", self.unit) != self.unit:
                raise ValueError(f"write the unit with each number; this quantity is kept in: {self.unit}")
            spread = _distribution(given[0], raw[given[0]], self.parse)
            out = self._quantity(spread.centre, spread)
        else:
            out = self._quantity(self._value(raw["value"], raw.get("unit")), None)
            out["computed"] = isinstance(raw["value"], Computed)
        return out | {k: raw[k] for k in ("source", "grade", "note", "exact") if k in raw}

    def _value(self, value: object, unit: object) -> float:
        """A value whose unit may stand beside it: { value = 50, unit = "亿" } is 50亿."""
        if unit is None:
            return self.parse(value)
        if unit == self.unit:
            return self.parse_with_unit(value)
        if isinstance(value, bool) or not isinstance(value, int | float) or not isinstance(unit, str):
            raise ValueError(f"the unit is written once, with the number or as `unit`; kept in: {self.unit}")
        return self.parse(f"{value}{unit}")

    def _quantity(self, value: float, distribution: Distribution | None) -> dict[str, Any]:
        for bounds in (self.bounds, self.allowed):  # below 0 is told as that, whatever the size
            bounds.refuse(value, distribution, self.unit)
        return {"value": value, "unit": self.unit, "distribution": distribution}

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        number: dict[str, Any] = {"type": "number", **self.allowed.json()}
        either = {"anyOf": [{"type": "number"}, {"type": "string"}]}

        def table(*names: str) -> dict[str, Any]:
            return {
                "type": "object",
                "properties": dict.fromkeys(names, either),
                "required": list(names),
                "additionalProperties": False,
            }

        properties: dict[str, Any] = {
            "value": either,
            "unit": {"type": "string"},
            "source": {"type": "string", "description": "where the number was seen, or how it was worked out"},
            "grade": {"enum": ["published", "estimated", "assumed"]},
            "note": {"type": "string"},
            "exact": {"type": "boolean", "description": "carries no doubt by grade, see [uncertainty]"},
            "lognormal": table("median", "p95"),
            "normal": table("mean", "sd"),
            "beta": table("mean", "sd"),
            **{name: {"type": "array", "items": either, "minItems": 1} for name in LISTED},
        }
        whole = {"type": "object", "additionalProperties": False, "properties": properties}
        return {"anyOf": [number, {"type": "string"}, whole], "x-unit": self.unit}


# How far numbers reach before they are a slip: money beyond what the world produces in a year; spreads and coefficients
# of logs, where 20 is a factor of five hundred million; growth by more than a hundredfold a year.
FAR_MONEY, FAR_COUNT, FAR_NUMBER, FAR_FACTOR = 1e15, 1e12, 1e15, 1e6
FAR_RATE, FAR_GROWTH, FAR_CHANGE, FAR_SPREAD, FAR_POWER, FAR_COEFFICIENT = 100.0, 5.0, 10.0, 3.0, 20.0, 20.0

Money = Annotated[Quantity, BeforeValidator((_m := Kind("CNY", parse_amount, 0.0, far=FAR_MONEY)).read), _m]
SignedMoney = Annotated[Quantity, BeforeValidator((_sm := Kind("CNY", parse_amount, far=FAR_MONEY)).read), _sm]
# Money of one share, square metre or piece, which may well be a few yuan.
UnitPrice = Annotated[Quantity, BeforeValidator((_up := Kind("CNY", parse_money, 0.0, far=FAR_MONEY)).read), _up]
Dollars = Annotated[
    Quantity,
    BeforeValidator((_d := Kind("USD", lambda x: parse_money(x, "USD"), 0.0, magnitude=False, far=FAR_MONEY)).read),
    _d,
]
Share = Annotated[Quantity, BeforeValidator((_s := Kind("share", parse_share, 0.0, 1.0)).read), _s]
SignedShare = Annotated[Quantity, BeforeValidator((_ss := Kind("share", parse_share, -1.0, far=FAR_CHANGE)).read), _ss]
Probability = Annotated[Quantity, BeforeValidator((_p := Kind("probability", parse_share, 0.0, 1.0)).read), _p]
Rate = Annotated[Quantity, BeforeValidator((_r := Kind("per year", parse_share, 0.0, far=FAR_RATE)).read), _r]
Margin = Annotated[Quantity, BeforeValidator((_mg := Kind("share", parse_share, far=FAR_RATE)).read), _mg]
SignedRate = Annotated[Quantity, BeforeValidator((_sr := Kind("per year", parse_share, far=FAR_GROWTH)).read), _sr]
Ratio = Annotated[Quantity, BeforeValidator((_ra := Kind("ratio", parse_ratio, 0.0, far=FAR_FACTOR)).read), _ra]
# The standard deviation of a log, or a step in one: half of the draws at 3 lie beyond a seventh or seven times.
Spread = Annotated[Quantity, BeforeValidator((_sp := Kind("ratio", parse_ratio, 0.0, far=FAR_SPREAD)).read), _sp]
Power = Annotated[Quantity, BeforeValidator((_po := Kind("ratio", parse_ratio, 0.0, far=FAR_POWER)).read), _po]
Number = Annotated[Quantity, BeforeValidator((_n := Kind("number", parse_number, far=FAR_NUMBER)).read), _n]
# What is added to a log or to log odds.
Coefficient = Annotated[Quantity, BeforeValidator((_co := Kind("number", parse_number, far=FAR_COEFFICIENT)).read), _co]
# An end of a range whose parameter stands elsewhere: its unit is known there.
Figure = Annotated[Quantity, BeforeValidator((_f := Kind("number", parse_figure, far=FAR_NUMBER)).read), _f]
Years = Annotated[Quantity, BeforeValidator((_y := Kind("years", parse_years, 0.0, magnitude=False)).read), _y]
Count = Annotated[
    Quantity, BeforeValidator((_c := Kind("count", parse_count, 0.0, magnitude=False, far=FAR_COUNT)).read), _c
]
Area = Annotated[
    Quantity, BeforeValidator((_a := Kind("m2", parse_number, 0.0, magnitude=False, far=FAR_COUNT)).read), _a
]
When = Annotated[
    int,
    BeforeValidator(parse_quarter),
    WithJsonSchema({"type": "string", "examples": ["2023Q4", "2021-10"], "x-unit": "quarter"}),
]

SLUG = r"[a-z0-9][a-z0-9_-]*"


def _slug(value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch(SLUG, value):
        raise ValueError("an id is made of small letters, digits, - and _")
    return value


Id = Annotated[str, BeforeValidator(_slug), WithJsonSchema({"type": "string", "pattern": f"^{SLUG}$"})]


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


_NAME = {
    "anyOf": [
        {"type": "string"},
        {
            "type": "object",
            "properties": {"zh": {"type": "string"}, "en": {"type": "string"}},
            "additionalProperties": False,
        },
    ]
}
LocalName_ = LocalName
LocalName = Annotated[LocalName_, BeforeValidator(LocalName_._read), WithJsonSchema(_NAME)]  # type: ignore[misc]


class Table(BaseModel):
    """A table of a scenario. `source`, `grade` and `note` hold for every quantity below that has none of its own.

    Nothing is assigned to it: other values come from `with_overrides`, which validates again.

    Of doubt by grade (sim.scenario.doubt): `settled` names the fields that carry none ("all": no field of the table),
    `doubted` those counts that do, `origins` those that say nothing at another number than 0.
    """

    settled: ClassVar[frozenset[str] | Literal["all"]] = frozenset()
    doubted: ClassVar[frozenset[str]] = frozenset()
    origins: ClassVar[dict[str, float]] = {}

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    source: str | None = None
    grade: Grade | None = None
    note: str | None = None

    # Of the root alone: set by the loader.
    _tree: Any = PrivateAttr(default=None)
    _path: str = PrivateAttr(default="")
    _fingerprint: str = PrivateAttr(default="")
    _text_of_files: dict[str, str] = PrivateAttr(default_factory=dict)
    _overrides: tuple[str, ...] = PrivateAttr(default=())


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


NO_PARAMETERS = ("facts.", "levers.")


def iter_parameters(model: Any) -> Iterator[tuple[str, Quantity]]:
    """Of a scenario's quantities those that the model works with: no published facts, no ranges of levers."""
    for path, quantity in iter_quantities(model):
        if not path.startswith(NO_PARAMETERS):
            yield path, quantity
