"""Claims about numbers as people write them: what is read, exactly; what is refused, and in which words."""

import datetime
import math
import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.quantities import (
    BareMoney,
    format_money,
    format_number,
    half_up,
    parse_amount,
    parse_count,
    parse_money,
    parse_number,
    parse_of,
    parse_quarter,
    parse_share,
    parse_years,
    quarter_name,
)

PARSERS = (parse_money, parse_share, parse_years, parse_number, parse_count)


@pytest.mark.parametrize(
    ("text", "yuan"),
    [
        ("50亿", 5e9),
        ("6000万", 6e7),
        ("6.67亿", 667_000_000.0),
        ("6千万", 6e7),
        ("3百万", 3e6),
        ("1.5万亿", 1.5e12),
        ("5亿元", 5e8),
        ("人民币 5亿元", 5e8),
        ("5bn", 5e9),
        ("300m", 3e8),
        ("5k", 5e3),
        ("2.5 million", 2.5e6),
        ("¥1,000", 1e3),
        ("¥1,234,567.5", 1_234_567.5),
        ("CNY 5bn", 5e9),
        ("RMB5万", 5e4),
        ("-¥3万", -3e4),
        ("12元", 12.0),
        ("1e8", 1e8),
        (1e8, 1e8),
        (0, 0.0),
    ],
)
def test_money_is_read_as_people_write_it(text, yuan):
    assert parse_money(text) == yuan


def test_dollars_are_refused_unless_the_unit_is_dollars():
    for text in ("$5m", "5 USD", "10亿美元", "US$ 3bn"):
        with pytest.raises(ValueError, match="not US dollars; convert it at a stated rate"):
            parse_money(text)
    assert parse_money("10亿美元", currency="USD") == parse_money("$1bn", currency="USD") == 1e9
    with pytest.raises(ValueError, match="money is in US dollars, not yuan"):
        parse_money("¥5m", currency="USD")


def test_a_decimal_comma_is_refused_not_read_as_tenfold():
    for parse in PARSERS:
        with pytest.raises(ValueError, match="write"):
            parse("1,5")
    assert parse_count("7,000") == 7000


@pytest.mark.parametrize("parse", PARSERS)
@pytest.mark.parametrize(
    "value",
    [True, False, math.nan, math.inf, -math.inf, 10**400, "1e999", "nan", "inf", "", " ", "about 5", "5kg", None, []],
)
def test_what_is_no_finite_number_of_the_unit_is_refused_with_what_is_accepted(parse, value):
    with pytest.raises(ValueError, match=r"write a|write money"):
        parse(value)


def test_shares_durations_and_counts_keep_their_units_apart():
    assert parse_share("20%") == parse_share("20％") == parse_share(0.2) == 0.2
    assert (parse_years("10y"), parse_years("18m"), parse_years("6q"), parse_years("18个月")) == (10, 1.5, 1.5, 1.5)
    assert (parse_years("6 quarters"), parse_years(2.5)) == (1.5, 2.5)
    assert (parse_count("3.2万"), parse_count("70余家"), parse_count(70)) == (32000, 70, 70)
    assert (parse_number("50000 m2"), parse_number("5万平方米"), parse_number("-20%")) == (50000, 50000, -0.2)
    for parse, text in ((parse_share, "20亿"), (parse_years, "20%"), (parse_count, "20%"), (parse_count, "5m")):
        with pytest.raises(ValueError, match="write"):
            parse(text)


@pytest.mark.parametrize(
    "written",
    [
        "2021Q4",
        "2021-Q4",
        "2021q4",
        "2021年Q4",
        "2021年第四季度",
        "2021-10",
        "2021/12/31",
        "2021年10月",
        datetime.date(2021, 11, 5),
        datetime.datetime(2021, 12, 31, 23, 59),
    ],
)
def test_a_quarter_is_read_however_it_is_dated(written):
    assert parse_quarter(written) == 2021 * 4 + 3


@pytest.mark.parametrize(
    "written", ["2021Q5", "2021-13", "2021-02-30", "2021", 2021, "Q4", "0021Q4", datetime.date(1, 1, 1), True, None]
)
def test_what_is_no_quarter_is_refused(written):
    with pytest.raises(ValueError, match=r"write a date|between 1900 and 2200"):
        parse_quarter(written)


@given(st.integers(1900 * 4, 2200 * 4 + 3))
def test_quarters_come_back_from_their_names(quarter):
    assert parse_quarter(quarter_name(quarter)) == quarter


@given(st.dates(datetime.date(1900, 1, 1), datetime.date(2200, 12, 31)))
def test_a_day_lies_in_the_quarter_of_its_month(day):
    assert parse_quarter(day) == parse_quarter(day.isoformat()) == parse_quarter(f"{day:%Y-%m}")


UNITS = {"": 0, "万": 4, "亿": 8, "万亿": 12, "k": 3, "m": 6, "bn": 9}


@given(st.decimals(-10000, 10000, places=4), st.sampled_from(sorted(UNITS)))
def test_money_is_exact(number, unit):
    """No error beyond the nearest float: 6.67亿 is 667000000, not 666999999.9999999."""
    assert parse_money(f"{number}{unit}") == float(number * Decimal(10) ** UNITS[unit])


@given(st.floats(-1e16, 1e16), st.sampled_from(["zh", "en"]))
def test_shown_money_reads_back_to_three_digits(yuan, lang):
    assert parse_money(format_money(yuan, lang)) == pytest.approx(yuan, rel=0.00501)


@given(st.integers(1, 999), st.sampled_from(["zh", "en"]), st.sampled_from([1, 10**4, 10**6, 10**8, 10**9, 10**12]))
def test_round_money_comes_back_from_its_text(number, lang, scale):
    assert parse_money(format_money(float(number * scale), lang)) == pytest.approx(number * scale, rel=0.00501)
    assert parse_money(str(number * scale)) == number * scale


def test_money_is_shown_in_the_units_of_the_language():
    assert (format_money(15.1e9, "zh"), format_money(15.1e9, "en")) == ("151亿", "15.1bn")
    assert (format_money(999.9e6, "en"), format_money(9999.9e4, "zh")) == ("1bn", "1亿")
    assert (format_money(-6e7, "zh"), format_money(0.0), format_money(math.nan)) == ("-6,000万", "0", "–")
    assert (format_number(12345.6), format_number(3.14159), format_number(math.nan)) == ("12,346", "3.14", "–")


def test_an_amount_of_money_is_no_ratio():
    from sim.quantities import parse_ratio

    assert [parse_ratio(x) for x in (1.5, "1.5", "150%", "1.5倍")] == [1.5] * 4
    for wrong in ("2亿", "3万", "70家", "2 years"):
        with pytest.raises(ValueError, match="is not a unit of a ratio"):
            parse_ratio(wrong)


# --- an amount without a unit


@pytest.mark.parametrize("written", [80, 80.0, "80", "9,999", "0.5"])
def test_a_small_amount_without_a_unit_asks_for_it(written: object) -> None:
    with pytest.raises(BareMoney, match=r"without a unit is in yuan: write .*亿 / .*万 / .*元"):
        parse_amount(written)


@pytest.mark.parametrize(
    ("written", "yuan"), [("80元", 80), ("¥80", 80), ("80亿", 8e9), (0, 0), ("0", 0), (10_000, 10_000), (5e9, 5e9)]
)
def test_an_amount_with_a_unit_or_none_at_all_or_a_large_one_is_read(written: object, yuan: float) -> None:
    assert parse_amount(written) == yuan


# --- rounding


def test_a_half_is_rounded_up_wherever_a_number_is_told():
    from sim.analysis.text import show
    from sim.figures.style import digits
    from sim.printing import shown as printed
    from sim.report.numbers import shown as reported

    assert format_number(9718.5) == printed(9718.5, "firms", "en") == show(9718.5) == digits(9718.5) == "9,719"
    assert reported("firms", [9718.5], "en").text(9718.5) == "9,719"
    assert (format_number(12384.5), digits(1.125), format_money(1.125e8, "zh")) == ("12,385", "1.13", "1.13亿")
    assert (printed(0.125, "share", "en"), half_up(-2.5), half_up(1.005, 2)) == ("13%", -3, 1.0)  # 1.005 lies below


def test_an_analysis_tells_amounts_without_powers_of_ten():
    from sim.analysis.text import show

    assert [show(1.676e12, "CNY", lang) for lang in ("zh", "en")] == ["1.676万亿", "1.676 tn"]
    assert show(9.99996e11, "CNY", "zh") == "1万亿" and show(1234.56e8, "CNY", "zh") == "1,235亿"
    assert show(0.0, "ratio", "en", sign=True) == "0"


@pytest.mark.parametrize(
    ("unit", "written", "said"),
    [
        ("firms", "1.2亿", "say what it counts after it"),
        ("firms", "1.2亿户企业", "'亿户企业' is not understood; write a count as 70"),
        ("jobs", "500亿元", "'500亿元' is money, and this counts; write a count"),
        ("jobs", "5亿美元", "'5亿美元' is money"),
        ("jobs", "¥500", "'¥500' is money"),
        ("years", "7亿", "'7亿' is not understood; write a number of years as 7"),
        ("years", "20%", "'20%' is not understood; write a number of years as 7"),
    ],
)
def test_a_count_is_not_asked_for_what_is_written_already(unit: str, written: str, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)) as refused:
        parse_of(unit, written)
    assert ("say what it counts" in str(refused.value)) == (written == "1.2亿")
    assert parse_of("firms", "1.2亿户") == 1.2e8 and parse_of("years", 7) == parse_of("years", "7") == 7
