"""Money, shares, durations and quarters as people write them, to numbers and back. Decimal inside, so 6.67亿 is exact.

Every parser raises ValueError with a sentence that says what is accepted.
"""

import re
from decimal import Decimal, InvalidOperation

_UNITS = {
    "": Decimal(1),
    "元": Decimal(1),
    "万": Decimal(10) ** 4,
    "亿": Decimal(10) ** 8,
    "万亿": Decimal(10) ** 12,
    "k": Decimal(10) ** 3,
    "m": Decimal(10) ** 6,
    "bn": Decimal(10) ** 9,
    "tn": Decimal(10) ** 12,
    "thousand": Decimal(10) ** 3,
    "million": Decimal(10) ** 6,
    "billion": Decimal(10) ** 9,
}
_NUMBER = re.compile(r"^([+-]?(?:\d[\d_,]*)?(?:\.\d+)?(?:[eE][+-]?\d+)?)\s*(.*)$")


def _split(text: str) -> tuple[Decimal, str]:
    match = _NUMBER.match(text.strip())
    if not match or not re.search(r"\d", match.group(1)):
        raise ValueError("not a number")
    try:
        number = Decimal(match.group(1).replace(",", "").replace("_", ""))
    except InvalidOperation:
        raise ValueError("not a number") from None
    return number, match.group(2).strip()


def _plain(value: object, accepted: str) -> float | None:
    """A bare number as float, None for text; refuses everything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(f"write {accepted}")
    if isinstance(value, str):
        return None
    x = float(value)
    if x != x or x in (float("inf"), float("-inf")):
        raise ValueError(f"must be finite; write {accepted}")
    return x


def parse_money(value: object) -> float:
    """Yuan from 1e8, "50亿", "6000万", "6.67亿", "5bn", "300m", "¥1,000", "CNY 5bn"."""
    accepted = "money as 50亿, 6000万, 5bn, 300m or a plain number of yuan"
    plain = _plain(value, accepted)
    if plain is not None:
        return plain
    text = str(value).strip()
    if re.search(r"\$|usd|美元", text, re.IGNORECASE):
        raise ValueError("money is in yuan (CNY), not US dollars; convert it at a stated rate")
    text = re.sub(r"^(¥|￥|CNY|RMB|人民币)\s*", "", text, flags=re.IGNORECASE)
    try:
        number, unit = _split(text)
    except ValueError:
        raise ValueError(f"write {accepted}") from None
    unit = unit.lower().removesuffix("cny").removesuffix("rmb").removesuffix("元").strip()
    if unit not in _UNITS:
        raise ValueError(f"'{unit}' is not a unit of money; write {accepted}")
    return float(number * _UNITS[unit])


def parse_share(value: object) -> float:
    """A share from 0.2 or "20%"."""
    accepted = 'a share as 0.2 or "20%"'
    plain = _plain(value, accepted)
    if plain is not None:
        return plain
    try:
        number, unit = _split(str(value))
    except ValueError:
        raise ValueError(f"write {accepted}") from None
    if unit not in ("", "%", "％"):
        raise ValueError(f"'{unit}' is not a unit of a share; write {accepted}")
    return float(number / 100) if unit else float(number)


def parse_years(value: object) -> float:
    """Years from 10, "10y", "18m" (months), "6q" (quarters), "10年", "18个月"."""
    accepted = 'a duration as "10y", "18m" (months), "6q" (quarters) or a number of years'
    plain = _plain(value, accepted)
    if plain is not None:
        return plain
    try:
        number, unit = _split(str(value))
    except ValueError:
        raise ValueError(f"write {accepted}") from None
    per = {
        "": 1,
        "y": 1,
        "year": 1,
        "years": 1,
        "年": 1,
        "q": 4,
        "季": 4,
        "季度": 4,
        "m": 12,
        "月": 12,
        "个月": 12,
        "months": 12,
    }
    if unit.lower() not in per:
        raise ValueError(f"'{unit}' is not a unit of time; write {accepted}")
    return float(number / per[unit.lower()])


def parse_number(value: object) -> float:
    """A plain number; "3.2万" and "20%" are read too."""
    accepted = 'a number as 0.35, 1200 or "3.2万"'
    plain = _plain(value, accepted)
    if plain is not None:
        return plain
    try:
        number, unit = _split(str(value))
    except ValueError:
        raise ValueError(f"write {accepted}") from None
    if unit in ("%", "％"):
        return float(number / 100)
    unit = re.sub(r"(家|个|人|户|只|支|m2|m²|平方米|㎡)$", "", unit)
    if unit not in ("", "万", "亿"):
        raise ValueError(f"'{unit}' is not understood; write {accepted}")
    return float(number * _UNITS[unit])


_QUARTER = re.compile(r"^(\d{4})\s*[-年]?\s*[Qq]([1-4])$")
_DATE = re.compile(r"^(\d{4})[-/.](\d{1,2})(?:[-/.](\d{1,2}))?$")


def parse_quarter(value: object) -> int:
    """A quarter as year * 4 + (0..3), from "2023Q4", "2021-10", "2021-10-15" or a TOML date."""
    accepted = 'a date as "2023Q4", "2021-10" or 2021-10-15'
    if hasattr(value, "year") and hasattr(value, "month"):
        return int(value.year) * 4 + (int(value.month) - 1) // 3  # type: ignore[attr-defined]
    if not isinstance(value, str):
        raise ValueError(f"write {accepted}")
    text = value.strip()
    if m := _QUARTER.match(text):
        year, quarter = int(m.group(1)), int(m.group(2)) - 1
    elif (m := _DATE.match(text)) and 1 <= int(m.group(2)) <= 12:
        year, quarter = int(m.group(1)), (int(m.group(2)) - 1) // 3
    else:
        raise ValueError(f"write {accepted}")
    if not 1900 <= year <= 2200:
        raise ValueError("the year must lie between 1900 and 2200")
    return year * 4 + quarter


def quarter_name(quarter: int) -> str:
    """2023 * 4 + 3 -> "2023Q4"."""
    return f"{quarter // 4}Q{quarter % 4 + 1}"


def _digits(x: float) -> str:
    text = f"{x:.3g}" if abs(x) < 1000 else f"{x:,.0f}"
    return f"{float(text):g}" if "e" in text else text


def format_money(x: float, lang: str = "en") -> str:
    """151亿 / 15.1bn: three significant digits, in the units of the language."""
    if x != x:
        return "–"
    steps = (
        ((1e12, "万亿"), (1e8, "亿"), (1e4, "万"))
        if lang == "zh"
        else ((1e12, "tn"), (1e9, "bn"), (1e6, "m"), (1e3, "k"))
    )
    for scale, unit in steps:
        if abs(x) >= scale:
            return f"{_digits(x / scale)}{unit}"
    return _digits(x)


def format_number(x: float, lang: str = "en") -> str:
    """Counts with thousands separators; three significant digits below 100 where not whole."""
    if x != x:
        return "–"
    if abs(x) >= 100 or x == int(x):
        return f"{x:,.0f}"
    return _digits(x)
