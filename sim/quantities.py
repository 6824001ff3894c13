"""Money, shares, durations and quarters as people write them, to numbers and back. Decimal inside, so 6.67亿 is exact.

Every parser raises ValueError with a sentence that says what is accepted.
"""

import math
import re
from collections.abc import Callable
from contextlib import suppress
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise
from typing import Any

from sim.terms import COUNTED

_UNITS = {
    "": Decimal(1),
    "百": Decimal(10) ** 2,
    "千": Decimal(10) ** 3,
    "万": Decimal(10) ** 4,
    "百万": Decimal(10) ** 6,
    "千万": Decimal(10) ** 7,
    "亿": Decimal(10) ** 8,
    "百亿": Decimal(10) ** 10,
    "千亿": Decimal(10) ** 11,
    "万亿": Decimal(10) ** 12,
    "k": Decimal(10) ** 3,
    "m": Decimal(10) ** 6,
    "mn": Decimal(10) ** 6,
    "b": Decimal(10) ** 9,
    "bn": Decimal(10) ** 9,
    "tn": Decimal(10) ** 12,
    "thousand": Decimal(10) ** 3,
    "million": Decimal(10) ** 6,
    "billion": Decimal(10) ** 9,
    "trillion": Decimal(10) ** 12,
}
_PER_YEAR = {
    **dict.fromkeys(("", "y", "yr", "year", "years", "年"), 1),
    **dict.fromkeys(("q", "quarter", "quarters", "季", "季度", "个季度"), 4),
    **dict.fromkeys(("m", "month", "months", "月", "个月"), 12),
}
# Digits with separators in threes, or none: 1,5 is a decimal comma elsewhere and must not become 15.
_NUMBER = re.compile(
    r"([+-]?(?:(?:\d{1,3}(?:[,，]\d{3})+|\d+(?:_\d+)*)(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)(?![\d,，._])\s*(.*)",
    re.DOTALL,
)
MOST_BARE_SHARE = 1.5  # a larger one without % is more likely a number of per cent
LEAST_BARE = 10_000  # yuan: a smaller amount without a unit is more likely one of 亿 or of millions
_YUAN = re.compile(r"(?:¥|￥|CNY|RMB|人民币)\s*", re.IGNORECASE)
_DOLLARS = re.compile(r"US\s*\$|\$|USD|美元|dollars?", re.IGNORECASE)
_OF_MONEY = re.compile(rf"{_YUAN.pattern}|{_DOLLARS.pattern}|元$|yuan$", re.IGNORECASE)
_COUNTED = re.compile(r"余?(?:家|个|人|户|只|支|项|股|份|m2|m²|m\^2|平方米|平米|㎡|sqm)$")


def _split(text: str) -> tuple[Decimal, str] | None:
    """The number at the beginning of a text and what follows it; None where there is none."""
    match = _NUMBER.fullmatch(text.strip())
    if not match:
        return None
    return Decimal(re.sub("[,，_]", "", match.group(1))), match.group(2).strip()


def _plain(value: object, accepted: str) -> float | None:
    """A bare number as float, None for text; refuses everything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(f"write {accepted}")
    if isinstance(value, str):
        return None
    try:
        x = float(value)
    except OverflowError:
        raise ValueError(f"too large; write {accepted}") from None
    if not math.isfinite(x):
        raise ValueError(f"must be finite; write {accepted}")
    return x


def _read(value: object, accepted: str) -> float | tuple[Decimal, str]:
    """A bare number as float; of a text the number and what follows it; refuses everything else."""
    plain = _plain(value, accepted)
    if plain is not None:
        return plain
    parts = _split(str(value))
    if parts is None:
        raise ValueError(f"write {accepted}")
    return parts


def _scaled(number: Decimal, accepted: str, times: Decimal | int = 1, over: int = 1) -> float:
    """number × times / over as a float; ValueError where that is too large for one."""
    try:
        x = float(number * times / over)
    except (ArithmeticError, ValueError):
        x = math.inf
    if not math.isfinite(x):
        raise ValueError(f"too large; write {accepted}")
    return x


def parse_money(value: object, currency: str = "CNY") -> float:
    """Yuan from 1e8, "50亿", "6000万", "6.67亿", "5bn", "300m", "¥1,000", "CNY 5bn".

    currency "USD": US dollars from "$1bn", "10亿美元" or a bare amount; then yuan are refused instead of dollars.
    """
    own, foreign, name, other = _YUAN, _DOLLARS, "yuan (CNY)", "US dollars"
    if currency == "USD":
        own, foreign, name, other = foreign, own, other, name
    accepted = f"money as 50亿, 6000万, 5bn, 300m or a plain number of {name.partition(' (')[0]}"
    plain = _plain(value, accepted)
    if plain is not None:
        return plain
    text = str(value)
    if foreign.search(text):
        raise ValueError(f"money is in {name}, not {other}; convert it at a stated rate")
    parts = _split(own.sub("", text))
    if parts is None:
        raise ValueError(f"write {accepted}")
    number, written = parts
    unit = re.sub(r"\s*(?:元|yuan)$", "", written.lower())
    if unit not in _UNITS:
        raise ValueError(f"'{written}' is not a unit of money; write {accepted}")
    return _scaled(number, accepted, _UNITS[unit])


class BareAmount(ValueError):
    """An amount without a unit that can hardly be meant as it is read."""


class BareMoney(BareAmount):
    """An amount without a unit that can hardly be meant in yuan."""


def parse_amount(value: object) -> float:
    """As `parse_money`, for what nobody states in single yuan: of 80 it asks for the unit."""
    yuan = parse_money(value)
    if 0 < yuan < LEAST_BARE and is_bare(value):
        raise BareMoney(asks_for_unit(yuan))
    return yuan


def asks_for_unit(number: float) -> str:
    """What is said of a number without a unit: that it is read as yuan, and what it may have meant."""
    forms = " / ".join(f"{number:.6g}{unit}" for unit in ("亿", "万", "元"))
    return f"{number:.6g} without a unit is in yuan: write {forms}"


def is_bare(value: object) -> bool:
    """Whether a value is written as a number alone, without a unit or a currency."""
    if not isinstance(value, str):
        return isinstance(value, int | float)
    parts = _split(value)
    return parts is not None and not parts[1]


def parse_share(value: object) -> float:
    """A share from 0.2 or "20%". Bounds are the field's affair."""
    accepted = 'a share as 0.2 or "20%"'
    read = _read(value, accepted)
    if not isinstance(read, tuple):
        return read
    number, unit = read
    if unit not in ("", "%", "％"):
        raise ValueError(f"'{unit}' is not a unit of a share; write {accepted}")
    return _scaled(number, accepted, over=100 if unit else 1)


def parse_percentage(value: object) -> float:
    """As `parse_share`, for what is told as a percentage: of 6, which would be 600 %, it asks for the %."""
    share = parse_share(value)
    if abs(share) > MOST_BARE_SHARE and is_bare(value):
        read = f"{100 * share:.6g}%"
        raise BareAmount(f"{share:.6g} without a % is {read}: write {share:.6g}% / {read}")
    return share


def parse_years(value: object) -> float:
    """Years from 10, "10y", "18m" (months), "6q" (quarters), "10年", "18个月"."""
    accepted = 'a duration as "10y", "18m" (months), "6q" (quarters) or a number of years'
    read = _read(value, accepted)
    if not isinstance(read, tuple):
        return read
    number, unit = read
    if unit.lower() not in _PER_YEAR:
        raise ValueError(f"'{unit}' is not a unit of time; write {accepted}")
    return _scaled(number, accepted, over=_PER_YEAR[unit.lower()])


def parse_number(value: object) -> float:
    """A plain number; "3.2万", "20%", "70家" and "50000 m2" are read too."""
    accepted = 'a number as 0.35, 1200 or "3.2万"'
    read = _read(value, accepted)
    if not isinstance(read, tuple):
        return read
    number, written = read
    if written in ("%", "％"):
        return _scaled(number, accepted, over=100)
    unit = _COUNTED.sub("", written).strip()
    if unit not in _UNITS or (unit and unit.isascii()):
        raise ValueError(f"'{written}' is not understood; write {accepted}")
    return _scaled(number, accepted, _UNITS[unit])


def parse_ratio(value: object) -> float:
    """A plain ratio: 1.5 or "150%". An amount of money or a count is none, nor is 2亿 times anything."""
    accepted = 'a ratio as 1.5 or "150%"'
    read = _read(value, accepted)
    if not isinstance(read, tuple):
        return read
    number, unit = read
    if unit not in ("", "%", "％", "倍", "x", "×"):
        raise ValueError(f"'{unit}' is not a unit of a ratio; write {accepted}")
    return _scaled(number, accepted, over=100 if unit in ("%", "％") else 1)


def parse_count(value: object) -> float:
    """How many: 70, "3.2万", "7,000", "70家". A mean may be a fraction; a percentage is no count."""
    accepted = 'a count as 70, 7000 or "3.2万"'
    text = value.strip() if isinstance(value, str) else ""
    if text.endswith(("%", "％")):
        raise ValueError(f"'%' does not count anything; write {accepted}")
    if text.endswith("亿"):  # 7亿人 are no yuan
        raise ValueError(f"'亿' is taken for money, and this counts: say what it counts after it, or write {accepted}")
    if _OF_MONEY.search(text):
        raise ValueError(f"'{text}' is money, and this counts; write {accepted}")
    try:
        return parse_number(value)
    except ValueError as error:
        raise ValueError(str(error).partition("write ")[0] + f"write {accepted}") from None


def parse_year(value: object) -> float:
    """How many years, of what is counted in them: 7. A percentage or an amount of money is none."""
    accepted = "a number of years as 7"
    try:
        return parse_count(value)
    except ValueError:
        raise ValueError(f"'{str(value).strip()}' is not understood; write {accepted}") from None


def parse_figure(value: object) -> float:
    """A count, a share, money or a duration, as people write them, where what it speaks of is stated apart."""
    for parse in (parse_number, parse_ratio, parse_money, parse_years):
        with suppress(ValueError):
            return parse(value)
    return parse_money(value)  # which says what it takes


def parse_of(unit: str, value: object) -> float:
    """A figure of something that is kept in this unit: as `parse_figure` does, but what cannot be of it is refused.

    Sure slips only: a count or a percentage of money, money or a count as a share, a percentage of what is counted.
    亿 alone after a count is taken for money, as it is in a zone; with what is counted, 1.2亿户, it is read."""
    if unit in (*COUNTED, "kinds", "units", "m2"):
        return parse_count(value)
    if unit == "years":
        return parse_year(value)
    if unit == "CNY" and is_bare(value) and -LEAST_BARE < (yuan := parse_money(value)) < 0:
        raise BareMoney(asks_for_unit(yuan))  # a parameter below 0 is told its bounds instead
    return {"CNY": parse_amount, "share": parse_percentage, "ratio": parse_ratio}.get(unit, parse_number)(value)


def number_of(unit: str, own: float = 0.0) -> Callable[[Any], float]:
    """How a number of this unit is written. own: the scenario's; what is a few yuan there may be so elsewhere."""
    by_unit = {
        "CNY": parse_money if 0.0 < abs(own) < LEAST_BARE else parse_amount,
        "share": parse_share,
        "probability": parse_share,
        "per year": parse_share,
        "years": parse_years,
        "ratio": parse_ratio,
    }
    return by_unit.get(unit, parse_number)


_QUARTER = re.compile(r"(\d{4})\s*[-年]?\s*(?:[Qq]([1-4])|第?\s*([1-4一二三四])\s*季度?)")
_DATE = re.compile(r"(\d{4})([-/.年])(\d{1,2})月?(?:[-/.]?(\d{1,2})日?)?")


def parse_quarter(value: object) -> int:
    """A quarter as year * 4 + (0..3), from "2023Q4", "2021-10", "2021-10-15", "2021年10月" or a TOML date."""
    accepted = 'a date as "2023Q4", "2021-10" or 2021-10-15'
    if isinstance(value, date):  # datetime is one too
        year, quarter = value.year, (value.month - 1) // 3
    elif not isinstance(value, str):
        raise ValueError(f"write {accepted}")
    elif m := _QUARTER.fullmatch(value.strip()):
        year, name = int(m.group(1)), m.group(2) or m.group(3)
        quarter = "一二三四".find(name) if name in "一二三四" else int(name) - 1
    elif m := _DATE.fullmatch(value.strip()):
        year, month, day = int(m.group(1)), int(m.group(3)), int(m.group(4) or 1)
        try:
            date(year, month, day)
        except ValueError:
            raise ValueError(f"there is no such day; write {accepted}") from None
        quarter = (month - 1) // 3
    else:
        raise ValueError(f"write {accepted}")
    if not 1900 <= year <= 2200:
        raise ValueError("the year must lie between 1900 and 2200")
    return year * 4 + quarter


def quarter_name(quarter: int) -> str:
    """2023 * 4 + 3 -> "2023Q4"."""
    return f"{quarter // 4}Q{quarter % 4 + 1}"


def half_up(x: float, decimals: int = 0) -> float:
    """Rounded as in spreadsheets and on the page, a half away from zero: the median of an even count has halves."""
    if not math.isfinite(x) or abs(x) >= 1e15:
        return x
    return float(Decimal(float(x)).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP))


def significant(x: float, count: int) -> float:
    """Rounded to so many significant figures, a half away from zero."""
    return half_up(x, count - 1 - math.floor(math.log10(abs(x)))) if x and math.isfinite(x) else x


def _digits(x: float) -> str:
    text = f"{significant(x, 3):.3g}" if abs(x) < 999.5 else f"{half_up(x):,.0f}"
    return f"{float(text):g}" if "e" in text else text


def format_money(x: float, lang: str = "en") -> str:
    """151亿 / 15.1bn: three significant digits, in the units of the language."""
    if not math.isfinite(x):
        return "–" if x != x else "∞" if x > 0 else "-∞"
    steps = (
        ((1e12, "万亿"), (1e8, "亿"), (1e4, "万"), (1.0, ""))
        if lang == "zh"
        else ((1e12, "tn"), (1e9, "bn"), (1e6, "m"), (1e3, "k"), (1.0, ""))
    )
    for (scale, unit), (below, _) in pairwise(steps):
        # what rounds up to a whole larger unit is shown in it: 999.9m is 1bn
        if float(_digits(abs(x) / below).replace(",", "")) * below >= scale:
            return f"{_digits(x / scale)}{unit}"
    return _digits(x)


def format_number(x: float, lang: str = "en") -> str:
    """Counts with thousands separators; three significant digits below 100 where not whole."""
    if not math.isfinite(x):
        return "–" if x != x else "∞" if x > 0 else "-∞"
    if abs(x) >= 100 or x == int(x):
        return f"{half_up(x):,.0f}"
    return _digits(x)
