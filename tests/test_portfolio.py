"""A portfolio's sheets: what loads, what is refused and where, and that nothing ever ends in a traceback."""

from __future__ import annotations

import io
import subprocess
import time
import zipfile
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sim.errors import UserError
from sim.portfolio.columns import CERTIFICATES, FIRMS, FUNDS, HOLDINGS, ROUNDS, TABLES, WORDS, match_column, match_table
from sim.portfolio.importing import import_portfolio, read
from sim.portfolio.sheets import LARGEST_FILE, LARGEST_UNPACKED, letter, ordinal, read_workbook
from sim.portfolio.template import template, write_template
from sim.scenario import load_scenario
from tests.conftest import tried
from tests.portfolios import NAV_DATE, Sheets, as_csv, as_workbook, drawn, example

ROOT = Path(__file__).resolve().parent.parent
NATIONAL = ROOT / "scenarios" / "national.toml"
Call = Callable[..., subprocess.CompletedProcess[str]]


def saved(tmp_path: Path, sheets: Sheets, lang: str = "en", **more: Any) -> Path:
    path = tmp_path / more.pop("name", "portfolio.xlsx")
    path.write_bytes(as_workbook(sheets, lang, **more))
    return path


def imported(path: Path, lang: str = "en", **more: Any):
    return read(path, path.parent / "portfolio.toml", NATIONAL, lang=lang, **more)


def refused(path: Path, lang: str = "en", **more: Any) -> list[str]:
    """The problems that an import tells, one a line; nothing may have been written."""
    out = path.parent / "out.toml"
    with pytest.raises(UserError) as error:
        import_portfolio(path, out, NATIONAL, lang=lang, **more)
    assert not out.exists()
    return [str(problem) for problem in error.value.problems]


def spoilt(tmp_path: Path, table: str, row: int, **cells: Any) -> list[str]:
    """What an import says of the example with other values in one row."""
    sheets = example()
    sheets[table][row] |= cells
    return refused(saved(tmp_path, sheets))


def told(problems: list[str], place: str, *words: str) -> bool:
    return any(place in problem and all(word in problem for word in words) for problem in problems)


# --- what loads


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_template_imports_as_it_stands(tmp_path: Path, lang: str):
    path = tmp_path / "template.xlsx"
    write_template(path, NATIONAL, lang)
    made = imported(path, lang)
    assert [c.id for c in made.scenario.funds] == ["eg-guidance", "eg-venture", "eg-angel"]
    assert [f.id for f in made.scenario.named] == ["eg-photon", "eg-gene"]
    assert made.scenario.zone.start == 2025 * 4 + 3


def test_both_languages_of_the_template_say_the_same(tmp_path: Path):
    both = {}
    for lang in ("zh", "en"):
        path = tmp_path / f"{lang}.xlsx"
        path.write_bytes(template(load_scenario(NATIONAL), lang))
        scenario = imported(path, lang).scenario
        both[lang] = [
            [(c.id, c.kind, c.size.value if c.size else None, c.stages) for c in scenario.funds],
            [
                (f.id, f.sector, [r.amount.value for r in f.rounds], [x.level for x in f.certificates])
                for f in scenario.named
            ],
        ]
    assert both["zh"] == both["en"]


def test_the_template_is_the_same_bytes_each_time():
    base = load_scenario(NATIONAL)
    assert template(base, "zh") == template(base, "zh")


def test_a_fragment_explains_itself_in_the_language_of_the_import(tmp_path: Path):
    """And is written over by an import in the other one; sources stand in one form, which is told in both."""
    path, out = saved(tmp_path, example()), tmp_path / "out.toml"
    texts = {}
    for lang in ("zh", "en", "zh"):
        made = import_portfolio(path, out, NATIONAL, sets=["guidance.asks=0.5"], lang=lang)
        texts[lang] = out.read_text(encoding="utf-8")
        assert made.scenario.named[0].revenue.source == "portfolio.xlsx, Firms row 2"
    assert texts["en"].startswith("# Portfolio of 3 funds and 2 firms, read from portfolio.xlsx.\n# Made by ")
    assert texts["zh"].startswith("# 投资组合：3 支基金、2 家企业，读自 portfolio.xlsx。\n# 由 ")
    assert "guidance.asks = 0.5  # 在导入命令中设定" in texts["zh"]
    bare = [[line.partition("#")[0] for line in text.splitlines()] for text in texts.values()]
    assert bare[0] == bare[1]


def test_every_number_of_the_sheets_arrives_in_the_scenario(tmp_path: Path):
    made = imported(saved(tmp_path, example()))
    fund = next(c for c in made.scenario.funds if c.id == "eg-venture")
    assert fund.size is not None and fund.size.value == 5e8
    assert fund.committed is not None and fund.committed.value == 1.5e8
    assert (fund.parent, fund.mandate, fund.stages) == ("eg-guidance", "venture", ["seed", "a", "b"])
    assert fund.books is not None
    assert [fund.books.paid_in.value, fund.books.distributed.value, fund.books.nav.value] == [3.5e8, 1.8e7, 4.1e8]
    firm = made.scenario.named[0]
    assert [(r.stage, r.amount.value, r.post_money.value) for r in firm.rounds] == [
        ("angel", 1.5e7, 1e8),
        ("a", 6e7, 4e8),
    ]
    assert [(i.fund, i.amount.value) for i in firm.rounds[1].investors] == [("eg-venture", 4e7), ("eg-angel", 8e6)]
    assert [(h.fund, h.cost.value, h.share.value) for h in firm.holders] == [
        ("eg-angel", 1.8e7, 0.098125),
        ("eg-venture", 4e7, 0.1),
    ]
    assert [(c.level, c.since) for c in firm.certificates] == [
        ("certificates.hte", 2023 * 4 + 3),
        ("certificates.srdi", 2024 * 4 + 2),
    ]


def test_each_number_names_the_row_it_came_from(tmp_path: Path):
    made = imported(saved(tmp_path, example()))
    firm = made.scenario.named[0]
    assert firm.revenue.source == "portfolio.xlsx, Firms row 2"
    assert firm.rounds[1].amount.source == "portfolio.xlsx, Rounds row 3"
    assert firm.holders[1].share.source == "portfolio.xlsx, Holdings row 3"
    assert made.scenario.funds[2].carry.source == "left blank in the sheet"
    assert made.scenario.funds[2].carry.grade == "assumed"


def test_the_fragment_that_is_written_loads_from_where_it_stands(tmp_path: Path):
    path = saved(tmp_path, example())
    out = tmp_path / "deeper" / "portfolio.toml"
    import_portfolio(path, out, NATIONAL)
    assert load_scenario(out).named[1].name.en == "Example Gene"
    import_portfolio(path, out, NATIONAL)  # what an import made may be made again


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_csv_files_say_the_same_as_the_workbook(tmp_path: Path, encoding: str):
    book = imported(saved(tmp_path, example(), "zh")).scenario
    folder = imported(as_csv(example(), tmp_path / "csv", encoding=encoding), start=None).scenario
    for a, b in ((book, folder),):
        assert [c.books.nav.value for c in a.funds if c.books] == [c.books.nav.value for c in b.funds if c.books]
        assert [[h.cost.value for h in f.holders] for f in a.named] == [
            [h.cost.value for h in f.holders] for f in b.named
        ]


def test_gbk_is_said_and_neither_encoding_is_refused_with_its_line(tmp_path: Path):
    folder = as_csv(example(), tmp_path / "csv", encoding="gb18030")
    assert any("GBK" in remark for remark in imported(folder).remarks)
    (folder / "firms.csv").write_bytes("企业编号\n".encode() + b"\xff\xff\xfe\n")
    assert told(refused(folder), "firms.csv:2", "neither UTF-8 nor GBK")


def test_one_csv_file_is_one_table(tmp_path: Path):
    folder = as_csv({"firms": example()["firms"][1:]}, tmp_path / "csv")
    made = imported(folder / "firms.csv")
    assert [f.id for f in made.scenario.named] == ["eg-gene"]
    assert made.scenario.zone.start == 2023 * 4 + 1  # of its only round
    assert made.scenario.funds == []


def test_a_sheet_of_another_name_is_known_by_its_headings(tmp_path: Path):
    made = imported(saved(tmp_path, example(), names={"firms": "Sheet2", "funds": "台账"}))
    assert len(made.scenario.funds) == 3 and len(made.scenario.named) == 2


def test_a_rule_that_was_waived_stays_in_the_fragment(tmp_path: Path):
    sheets = example()
    sheets["funds"][2]["committed"] = 9000
    path = saved(tmp_path, sheets)
    problems = refused(path)
    assert told(problems, "Funds!G4", "45.0%", "40%", "guidance.cap.angel", "20-60 %")
    made = imported(path, sets=["guidance.cap.angel=50%"])
    assert made.scenario.guidance.cap.angel.value == 0.5


def test_extra_sheets_and_columns_are_left_unread_and_said(tmp_path: Path):
    sheets = example()

    def then(book, made):
        made["firms"].write_string(0, len(FIRMS.columns), "Contact")
        book.add_worksheet("Scratch").write_string(0, 0, "hello")

    remarks = imported(saved(tmp_path, sheets, then=then)).remarks
    assert any("Contact" in r for r in remarks) and any("Scratch" in r for r in remarks)


@pytest.mark.parametrize(
    ("funds", "firms", "seconds"), [(30, 1000, 5.0), pytest.param(60, 2000, 10.0, marks=pytest.mark.slow)]
)
def test_a_large_workbook_imports_in_seconds(tmp_path: Path, funds: int, firms: int, seconds: float):
    """Two thousand firms; half of them in half of the time."""
    imported(saved(tmp_path, example()))  # what the first import of a process loads is no part of it
    path = tmp_path / "large.xlsx"
    path.write_bytes(as_workbook(drawn(funds, firms)))
    began = time.process_time()  # of this process: other work on the machine is no fault of ours
    made = imported(path)
    took = time.process_time() - began
    assert took < seconds  # half of it on an idle machine; a loaded one doubles even processor time
    assert len(made.scenario.funds) == funds and len(made.scenario.named) == firms


# --- rows that contradict each other


def test_a_holding_larger_than_the_firm(tmp_path: Path):
    assert told(spoilt(tmp_path, "holdings", 1, share=1.2), "Holdings!G3", "1.2")
    assert told(spoilt(tmp_path, "holdings", 1, shares=17_000_000), "Holdings!F3", "17,000,000", "Rounds!G3")


def test_holders_of_more_than_the_whole_firm(tmp_path: Path):
    problems = spoilt(tmp_path, "holdings", 0, share=0.95, shares=None)
    assert told(problems, "Holdings!G4", "107.0%", "Holdings!G2")


def test_shares_times_price_is_the_post_money(tmp_path: Path):
    assert told(spoilt(tmp_path, "rounds", 1, price=26), "Rounds!F3", "Rounds!E3")


def test_a_round_that_would_issue_negative_shares(tmp_path: Path):
    sheets = example()
    for holding in sheets["holdings"]:
        holding.pop("shares", None)
    sheets["rounds"][1] |= {"shares": 10_000_000, "price": 40}  # the post-money stands; the round before left 12.5 m
    assert told(refused(saved(tmp_path, sheets)), "Rounds!G3", "negative number of shares", "Rounds!G2")


def test_a_date_that_was_refused_is_the_only_thing_told_of_its_firm(tmp_path: Path):
    """The order of the rounds is unknown then: what depends on which is the last would be told of the wrong one."""
    problems = spoilt(tmp_path, "rounds", 0, date="2022-10-20")
    assert len(problems) == 1 and told(problems, "Rounds!C2", "typed as text")


def test_more_paid_in_than_committed(tmp_path: Path):
    assert told(spoilt(tmp_path, "funds", 1, paid_in=60000), "Funds!H3", "Funds!F3")


def test_a_round_before_the_firm_was_founded(tmp_path: Path):
    assert told(spoilt(tmp_path, "rounds", 0, date=date(2020, 1, 1)), "Rounds!C2", "Firms!D2")


def test_a_later_round_that_is_earlier(tmp_path: Path):
    assert told(spoilt(tmp_path, "rounds", 1, date=date(2022, 9, 1)), "Rounds!C3", "Rounds!C2")


def test_a_firm_in_holdings_but_not_in_firms(tmp_path: Path):
    problems = spoilt(tmp_path, "holdings", 1, firm="eg-foton")
    assert told(problems, "Holdings!A3", "eg-foton", "did you mean eg-photon")


def test_a_fund_in_holdings_but_not_in_funds(tmp_path: Path):
    assert told(spoilt(tmp_path, "holdings", 1, fund="eg-ventur"), "Holdings!B3", "did you mean eg-venture")


@pytest.mark.parametrize(("table", "place"), [("funds", "Funds!A4"), ("firms", "Firms!A4")])
def test_ids_that_stand_twice(tmp_path: Path, table: str, place: str):
    sheets = example()
    sheets[table].insert(2, dict(sheets[table][1]))
    assert told(refused(saved(tmp_path, sheets)), place, "twice")


def test_the_last_post_money_disagrees_with_the_last_round(tmp_path: Path):
    assert told(spoilt(tmp_path, "firms", 0, last_post=41000), "Firms!F2", "Rounds!E3")


def test_a_round_that_raises_more_than_its_post_money(tmp_path: Path):
    assert told(spoilt(tmp_path, "rounds", 0, amount=10000), "Rounds!D2", "Rounds!E2")


def test_a_position_that_cost_more_than_its_round(tmp_path: Path):
    assert told(spoilt(tmp_path, "holdings", 0, cost=1600), "Holdings!E2", "Rounds!D2")
    assert told(spoilt(tmp_path, "holdings", 1, cost=5500, share=0.1375, shares=None), "Holdings!E4", "Rounds!D3")


def test_a_share_that_its_price_does_not_pay_for(tmp_path: Path):
    assert told(spoilt(tmp_path, "holdings", 1, share=0.2, shares=None), "Holdings!G3", "10.0%", "Rounds!E3")


def test_a_fund_that_paid_more_than_it_had(tmp_path: Path):
    assert told(spoilt(tmp_path, "funds", 2, paid_in=2000), "Holdings!E5", "eg-angel", "Funds!H4")


def test_a_fund_that_bought_before_its_first_close(tmp_path: Path):
    assert told(spoilt(tmp_path, "funds", 2, opens=date(2023, 1, 1)), "Holdings!B2", "Funds!L4")


def test_guidance_money_beyond_the_guidance_fund(tmp_path: Path):
    assert told(spoilt(tmp_path, "funds", 0, size=20000, paid_in=15000), "Funds!G4", "eg-guidance", "Funds!F2")


def test_a_sub_fund_without_its_guidance_fund(tmp_path: Path):
    problems = spoilt(tmp_path, "funds", 1, parent=None, committed=None)
    assert told(problems, "Funds!D3") and told(problems, "Funds!G3")
    assert told(spoilt(tmp_path, "funds", 1, parent="eg-guidence"), "Funds!D3", "did you mean eg-guidance")


def test_what_lies_after_the_date_of_the_portfolio(tmp_path: Path):
    problems = spoilt(tmp_path, "rounds", 1, date=date(2026, 4, 1))
    assert told(problems, "Rounds!C3", "2025Q4", "--start")
    assert told(spoilt(tmp_path, "certificates", 2, since=date(2026, 4, 1)), "Certificates!C4", "2025Q4")


def test_certificates_out_of_order_or_expired(tmp_path: Path):
    assert told(spoilt(tmp_path, "certificates", 0, until=date(2022, 1, 1)), "Certificates!D2")
    assert told(spoilt(tmp_path, "certificates", 0, until=date(2025, 1, 1)), "Certificates!D2", "expired")
    assert told(spoilt(tmp_path, "certificates", 0, since=date(2020, 1, 1)), "Certificates!C2", "Firms!D2")


def test_terms_that_cannot_be(tmp_path: Path):
    problems = spoilt(tmp_path, "funds", 1, carry=1.2, catch_up=1.5, hurdle=0.08, opens=None)
    assert told(problems, "Funds!S3", "1.2") and told(problems, "Funds!R3", "1.5")
    assert told(problems, "Funds!L3", "blank")  # a hurdle without the date from which it runs
    assert told(spoilt(tmp_path, "funds", 1, invests=9), "Funds!M3", "9 years")


def test_a_firm_without_any_round(tmp_path: Path):
    problems = spoilt(tmp_path, "firms", 1, last_stage=None, last_date=None)
    assert told(problems, "Firms!G3") and told(problems, "Firms!H3")


def test_many_problems_are_told_at_once_and_in_both_languages(tmp_path: Path):
    sheets = example()
    sheets["funds"][1]["paid_in"] = 60000
    sheets["rounds"][0]["date"] = date(2020, 1, 1)
    sheets["holdings"][1]["firm"] = "nobody"
    sheets["firms"][0]["sector"] = "optoelectronic"
    english, chinese = (refused(saved(tmp_path, sheets), lang) for lang in ("en", "zh"))
    assert len(english) == len(chinese) >= 4
    assert told(english, "Firms!C2", "optoelectronic", "did you mean optoelectronics")
    assert told(chinese, "Firms!C2", "可选项") and told(chinese, "Funds!H3", "实缴")


def test_more_problems_than_one_reads_are_counted(tmp_path: Path):
    sheets = drawn(4, 120)
    for row in sheets["rounds"]:
        row["post"] = row["amount"]
    problems = refused(saved(tmp_path, sheets))
    assert len(problems) == 41 and "more problems" in problems[-1]


# --- cells that cannot be read


@pytest.mark.parametrize(
    ("cell", "words"),
    [("=10000/2", ("=10000/2", "formula")), ("=cmd|' /c calc'!A1", ("formula",)), ("＝A1", ("formula",))],
)
def test_a_cell_that_starts_with_an_equals_sign(tmp_path: Path, cell: str, words: tuple[str, ...]):
    assert told(spoilt(tmp_path, "firms", 0, revenue=cell), "Firms!E2", *words)
    assert told(spoilt(tmp_path, "firms", 0, name=cell), "Firms!B2", *words)


def test_a_formula_of_excel_is_refused_and_its_last_result_is_not_taken(tmp_path: Path):
    def then(book, made):
        made["firms"].write_formula(1, 4, "=1300*2", None, 2600)
        made["firms"].write_array_formula(2, 4, 2, 4, "{=SUM(1,2)}", None, 300)

    problems = refused(saved(tmp_path, example(), then=then))
    assert told(problems, "Firms!E2", "=1300*2") and told(problems, "Firms!E3", "formula")


def test_a_formula_in_a_csv_file(tmp_path: Path):
    sheets = example()
    sheets["firms"][0]["revenue"] = "=2600"
    assert told(refused(as_csv(sheets, tmp_path / "csv")), "firms.csv:2", "年营业收入", "=2600")


def test_a_date_typed_as_text(tmp_path: Path):
    assert told(spoilt(tmp_path, "firms", 0, founded="2021-03-15"), "Firms!D2", "typed as text", "2021-03-15")
    assert told(spoilt(tmp_path, "firms", 0, founded=44270), "Firms!D2", "the number 44270")


def test_a_quarter_may_be_typed(tmp_path: Path):
    sheets = example()
    sheets["firms"][0]["founded"] = "2021Q1"
    assert imported(saved(tmp_path, sheets)).scenario.named[0].founded == 2021 * 4


def test_merged_cells_are_refused_below_the_headings_and_left_alone_above(tmp_path: Path):
    def below(book, made):
        made["rounds"].merge_range("A2:A3", "eg-photon")

    assert told(refused(saved(tmp_path, example(), then=below)), "Rounds!A2:A3", "unmerge")


def test_an_empty_sheet_and_one_that_is_missing(tmp_path: Path):
    assert told(refused(saved(tmp_path, example() | {"firms": []})), "Firms", "empty")
    sheets = {key: rows for key, rows in example().items() if key != "funds"}
    assert told(
        refused(saved(tmp_path, sheets)),
        "portfolio.xlsx",
        "no sheet “Funds”",
    )

    def blank(book, made):
        book.add_worksheet("Funds")

    assert told(refused(saved(tmp_path, sheets, then=blank)), "Funds", "empty")


def test_a_hidden_sheet_is_neither_read_nor_passed_over(tmp_path: Path):
    problems = refused(saved(tmp_path, example(), then=lambda book, made: made["holdings"].hide()))
    assert told(problems, "Holdings", "hidden")


def test_hidden_rows_are_read_and_said(tmp_path: Path):
    made = imported(
        saved(tmp_path, example(), then=lambda book, sheets: sheets["firms"].set_row(2, None, None, {"hidden": True}))
    )
    assert len(made.scenario.named) == 2
    assert any("1 hidden rows" in remark for remark in made.remarks)


def test_a_sheet_that_is_there_twice(tmp_path: Path):
    def twice(book, made):
        book.add_worksheet("基金").write_string(0, 0, "基金编号")

    assert told(refused(saved(tmp_path, example(), then=twice)), "基金", "second sheet")


def test_headings_that_are_missing_misspelt_or_twice(tmp_path: Path):
    spell = {("firms", "revenue"): "Revenu (CNY 10k)"}
    problems = refused(saved(tmp_path, example(), headings=spell))
    assert told(problems, "Firms!E1", "did you mean Revenue (CNY 10k)") and told(problems, "Firms", "is missing")
    twice = {("firms", "last_amount"): "Revenue (CNY 10k)"}
    assert told(refused(saved(tmp_path, example(), headings=twice)), "Firms!I1", "twice")


# --- units


def test_money_without_a_unit_is_asked_about(tmp_path: Path):
    problems = refused(saved(tmp_path, example(), headings={("firms", "revenue"): "Revenue"}))
    assert told(problems, "Firms!E2", "which unit?", "Revenue (CNY 10k)")
    problems = refused(saved(tmp_path, example(), headings={("firms", "revenue"): "Revenue (CNZ)"}))
    assert told(problems, "Firms!E1", "unknown unit", "did you mean")


def test_a_text_with_its_own_unit_stands_for_itself(tmp_path: Path):
    sheets = example()
    sheets["firms"][0]["revenue"] = "2600万"
    sheets["firms"][1]["revenue"] = "3m"
    made = imported(saved(tmp_path, sheets, headings={("firms", "revenue"): "Revenue"}))
    assert [f.revenue.value for f in made.scenario.named] == [2.6e7, 3e6]


@pytest.mark.parametrize(
    ("table", "key", "heading", "place"),
    [
        ("rounds", "post", "Post-money (CNY)", "Rounds!"),
        ("rounds", "amount", "Raised (CNY)", "Rounds!"),
        ("holdings", "cost", "Cost (CNY 100m)", "Holdings!E"),
        ("funds", "paid_in", "Paid in (CNY)", "Funds!H"),
        ("funds", "committed", "Of which guidance fund (CNY)", "Funds!G"),
        ("firms", "last_post", "Last post-money (CNY 100m)", "Firms!F"),
        ("rounds", "price", "Price a share (CNY 10k)", "Rounds!F"),
    ],
)
def test_a_column_in_another_unit_than_its_heading_says_is_asked_about(
    tmp_path: Path, table: str, key: str, heading: str, place: str
):
    problems = refused(saved(tmp_path, example(), headings={(table, key): heading}))
    assert told(problems, place, "10 000")


def test_one_question_is_asked_for_a_whole_column(tmp_path: Path):
    problems = refused(saved(tmp_path, drawn(4, 60), headings={("rounds", "amount"): "Raised (CNY)"}))
    asked = [p for p in problems if "10 000" in p and "Rounds!D2 [" in p]
    assert len(asked) == 1 and "rows of this column alike" in asked[0]


def test_units_of_whole_columns_may_be_changed_together(tmp_path: Path):
    sheets = example()
    money = [(t.key, c.key) for t in TABLES for c in t.columns if c.kind == "money" and c.key != "price"]
    headings = {}
    for table, key in money:
        column = next(t for t in TABLES if t.key == table).column(key)
        headings[table, key] = f"{column.zh}（元）"
        for row in sheets[table]:
            if row.get(key) is not None:
                row[key] *= 10_000
    a, b = imported(saved(tmp_path, example())), imported(saved(tmp_path, sheets, "zh", headings=headings))
    assert [r.post_money.value for f in a.scenario.named for r in f.rounds] == [
        r.post_money.value for f in b.scenario.named for r in f.rounds
    ]


# --- files that are no portfolio


def test_an_xlsm_workbook_is_read_and_its_macros_are_not(tmp_path: Path):
    path = saved(tmp_path, example(), name="portfolio.xlsm")
    data = path.read_bytes()
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        for part in old.infolist():
            text = old.read(part)
            if part.filename == "[Content_Types].xml":
                text = text.replace(b"spreadsheetml.sheet.main", b"ms-excel.sheet.macroEnabled.main").replace(
                    b"vnd.openxmlformats-officedocument.ms-excel", b"vnd.ms-excel"
                )
            new.writestr(part, text)
        new.writestr("xl/vbaProject.bin", b"\xd0\xcf\x11\xe0 macros")
    path.write_bytes(out.getvalue())
    made = imported(path)
    assert len(made.scenario.named) == 2
    assert any("macros" in remark for remark in made.remarks)


def test_files_that_are_no_workbook(tmp_path: Path):
    cases = {
        "old.xls": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "old .xls"),
        "locked.xlsx": (
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600) + "EncryptedPackage".encode("utf-16-le"),
            "password",
        ),
        "text.xlsx": (b"hello", "no workbook"),
        "empty.xlsx": (b"", "empty"),
        "cut.xlsx": (as_workbook(example())[:3000], "cut off"),
        "utf16.csv": ("基金编号".encode("utf-16"), "UTF-16"),
        "book.csv": (as_workbook(example()), "name it .xlsx"),
        "quotes.csv": ('企业编号,企业名称\n"a,b\n'.encode(), "no valid CSV"),
        "other.csv": (b"a,b\n1,2\n", "which table"),
        "nul.csv": (b"a\0b,c\n", "NUL"),
    }
    for name, (data, words) in cases.items():
        path = tmp_path / name
        path.write_bytes(data)
        assert told(refused(path), name, words), name
    assert told(refused(tmp_path / "nowhere.xlsx"), "nowhere.xlsx", "no such file")
    (tmp_path / "folder").mkdir()
    assert told(refused(tmp_path / "folder"), "folder", "no CSV file")


def test_a_workbook_that_unpacks_into_too_much(tmp_path: Path):
    path = tmp_path / "bomb.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
        with archive.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as part:
            for _ in range(LARGEST_UNPACKED // (1 << 20) + 2):
                part.write(bytes(1 << 20))
    assert path.stat().st_size < 1 << 20
    began = time.process_time()
    assert told(refused(path), "bomb.xlsx", "unpacks into too much")
    assert time.process_time() - began < 2.0


def test_an_oversized_file_is_refused_by_its_size(tmp_path: Path):
    path = tmp_path / "large.xlsx"
    with open(path, "wb") as file:
        file.truncate(LARGEST_FILE + 1)
    assert told(refused(path), "large.xlsx", "too large")


def test_a_workbook_that_declares_entities(tmp_path: Path):
    path = saved(tmp_path, example())
    out = io.BytesIO()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(out, "w") as new:
        for part in old.infolist():
            text = old.read(part)
            if part.filename == "xl/sharedStrings.xml":
                text = text.replace(b"<sst", b'<!DOCTYPE sst [<!ENTITY a "aaaa">]><sst', 1)
            new.writestr(part, text)
    path.write_bytes(out.getvalue())
    assert told(refused(path), "portfolio.xlsx", "document type")


def test_a_cell_at_the_end_of_the_sheet_costs_nothing(tmp_path: Path):
    path = saved(
        tmp_path, example(), then=lambda book, made: made["firms"].write_blank(1_048_575, 0, None, book.add_format())
    )
    began = time.process_time()
    assert len(imported(path).scenario.named) == 2
    assert time.process_time() - began < 5.0


def test_an_output_that_somebody_wrote_is_left_alone(tmp_path: Path):
    path, out = saved(tmp_path, example()), tmp_path / "mine.toml"
    out.write_text("# mine\n")
    with pytest.raises(UserError, match="left alone"):
        import_portfolio(path, out, NATIONAL)
    assert out.read_text() == "# mine\n"
    with pytest.raises(UserError, match=r"\.toml"):
        import_portfolio(path, tmp_path / "mine.txt", NATIONAL)
    with pytest.raises(UserError, match="left alone"):
        write_template(path, NATIONAL)


# --- the command


def test_the_command_has_a_status_and_writes_nothing_where_it_refuses(desk: Path, headwater: Call):
    assert headwater("import", "--template", "p.xlsx", "--lang", "zh").returncode == 0
    done = headwater("import", "p.xlsx", "--out", "p.toml", "--lang", "zh")
    assert done.returncode == 0 and "基金 3" in done.stdout, done.stderr
    assert headwater("check", "p.toml").returncode == 0
    sheets = example()
    sheets["funds"][1]["paid_in"] = 60000
    (desk / "bad.xlsx").write_bytes(as_workbook(sheets))
    done = headwater("import", "bad.xlsx", "--out", "bad.toml")
    assert done.returncode == 2 and "bad.xlsx: Funds!H3 [Paid in (CNY 10k)]" in done.stderr
    assert done.stdout == "" and not (desk / "bad.toml").exists()
    assert headwater("import").returncode == 2
    assert headwater("import", "p.xlsx").returncode == 2
    assert headwater("import", "p.xlsx", "--out", "q.toml", "--set", "zone.end=2040Q4").returncode == 2
    assert headwater("import", "p.xlsx", "--out", "q.toml", "--start", "soon").returncode == 2


# --- the language of headings


def test_every_heading_of_both_languages_leads_to_its_column():
    for table in TABLES:
        assert match_table(table.zh) == match_table(table.en) == match_table(table.key) == table
        for column in table.columns:
            for lang in ("zh", "en"):
                assert match_column(table, column.heading(lang)) == column
            assert column.note_zh and column.note_en


def test_words_of_a_list_mean_one_thing_each():
    for ways in WORDS.values():
        said = [w.lower() for names in ways.values() for w in dict.fromkeys(x.lower() for x in names)]
        assert len(said) == len(set(said))


def test_letters_of_columns():
    assert [letter(i) for i in (0, 25, 26, 51, 52, 701, 702)] == ["A", "Z", "AA", "AZ", "BA", "ZZ", "AAA"]


# --- any portfolio, any slip


@settings(tried(12), suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(
    funds=st.integers(1, 6), firms=st.integers(1, 12), seed=st.integers(0, 10_000), lang=st.sampled_from(["zh", "en"])
)
def test_a_portfolio_that_hangs_together_imports_and_loads(
    tmp_path: Path, funds: int, firms: int, seed: int, lang: str
):
    sheets = drawn(funds, firms, seed)
    made = imported(saved(tmp_path, sheets, lang), lang)
    assert {f.id for f in made.scenario.named} == {row["id"] for row in sheets["firms"]}
    paid = sum(row["cost"] for row in sheets["holdings"]) * 1e4
    assert sum(h.cost.value for f in made.scenario.named for h in f.holders) == pytest.approx(paid, rel=1e-12)
    assert sum(i.amount.value for f in made.scenario.named for r in f.rounds for i in r.investors) == pytest.approx(
        paid, rel=1e-12
    )


ODD: list[Any] = [
    None, "", " ", "=1+1", "abc", "-5", -5, 0, 1e300, 1e-9, "1e999", "3000万", "3千", "50%", True, "#REF!",
    "2021-13-45",     "2023Q4", "2023Q9",
    date(1900, 3, 1), date(2099, 1, 1), "eg-photon", "不存在", "a" * 500, "x\ty",
    "\x7f", '"quoted"', "\\",
    1.5, 44270, "٣", "𝟛", "guidance", "sub-fund", "seed, q", "😀",
]  # fmt: skip
CELLS = [(t.key, c.key) for t in (FUNDS, FIRMS, ROUNDS, HOLDINGS, CERTIFICATES) for c in t.columns]


@settings(tried(25), suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(
    slips=st.lists(st.tuples(st.sampled_from(CELLS), st.integers(0, 3), st.sampled_from(ODD)), min_size=1, max_size=4)
)
def test_a_slip_gives_a_fragment_that_loads_or_messages_with_places(tmp_path: Path, slips: list):
    sheets = example()
    for (table, key), row, value in slips:
        sheets[table][row % len(sheets[table])][key] = value
    path = saved(tmp_path, sheets)
    try:
        imported(path)
    except UserError as error:
        assert error.problems
        assert all(p.file and p.key for p in error.problems), [str(p) for p in error.problems]


@settings(tried(60), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=60), at=st.floats(0, 1), suffix=st.sampled_from([".xlsx", ".csv"]))
def test_damaged_bytes_never_end_in_a_traceback(tmp_path: Path, data: bytes, at: float, suffix: str):
    whole = as_workbook(example()) if suffix == ".xlsx" else "企业编号,企业名称\neg-a,甲\n".encode()
    cut = int(at * len(whole))
    path = tmp_path / f"damaged{suffix}"
    path.write_bytes(whole[:cut] + data + whole[cut + len(data) :])
    try:
        read_workbook(path)
    except UserError as error:
        assert error.problems


def test_a_quarter_of_a_year_that_cannot_be_is_a_message(tmp_path: Path):
    from sim.portfolio.cells import Refused, _date

    with pytest.raises(Refused, match="2901Q4"):
        _date("2901Q4", False)


# --- what an analyst tripped over


def test_tranches_are_imported_as_a_ratio_or_as_shares(tmp_path: Path):
    for text in ("4:3:3", "40%、30%、30%", "0.4, 0.3, 0.3"):
        sheets = example()
        sheets["funds"][1] |= {"tranches": text, "tranche_every": 2}
        fund = next(c for c in imported(saved(tmp_path, sheets)).scenario.funds if c.id == "eg-venture")
        assert [x.value for x in fund.tranches] == pytest.approx([0.4, 0.3, 0.3])
        assert fund.tranche_every is not None and fund.tranche_every.value == 2


@pytest.mark.parametrize(
    ("text", "words"),
    [("40%, 30%", "sum to 70"), ("4:0:3", "above zero"), ("1:1:1:1:1:1:1", "at most"), ("a:b", "not understood")],
)
def test_tranches_that_make_no_whole_are_told_by_their_cell(tmp_path: Path, text: str, words: str):
    sheets = example()
    sheets["funds"][1]["tranches"] = text
    assert told(refused(saved(tmp_path, sheets)), "[Tranches]", words)


def test_an_interval_needs_tranches(tmp_path: Path):
    sheets = example()
    sheets["funds"][2]["tranche_every"] = 1
    assert told(refused(saved(tmp_path, sheets)), "Funds!", "no tranches")


def test_tranches_that_were_due_and_not_paid_are_remarked(tmp_path: Path):
    sheets = example()
    sheets["funds"][1]["tranche_every"] = 1
    assert any("paid in in the first quarter" in remark for remark in imported(saved(tmp_path, sheets)).remarks)
    assert not any("first quarter" in remark for remark in imported(saved(tmp_path, example())).remarks)


def test_a_column_without_a_unit_is_asked_about_once(tmp_path: Path):
    problems = refused(saved(tmp_path, example(), headings={("funds", "size"): "Commitments"}))
    assert len(problems) == 1 and told(problems, "Funds!F2", "which unit?", "3 cells")


def test_a_foreign_currency_is_not_taken_for_a_slip_of_the_unit(tmp_path: Path):
    problems = refused(saved(tmp_path, example(), "zh", headings={("funds", "size"): "认缴规模（万美元）"}))
    assert len(problems) == 1 and told(problems, "another currency") and "did you mean" not in problems[0]


def test_a_hurdle_of_eight_is_asked_back_as_eight_per_cent(tmp_path: Path):
    sheets = example()
    sheets["funds"][1]["hurdle"] = 8
    assert told(refused(saved(tmp_path, sheets)), "[Hurdle]", "800%", "did you mean 8%?")


def test_every_firm_that_the_zone_holds_is_followed(tmp_path: Path):
    """Beyond the first FOLLOWED firms, those that a direct fund holds; the rest are without the zone's return."""
    from sim.model.layout import metrics_of
    from sim.model.limits import FOLLOWED, followed

    sheets = drawn(2, FOLLOWED + 3, seed=3)
    sheets["funds"].append(
        {"id": "zone-direct", "name": "直投", "kind": "direct", "size": 100_000, "paid_in": 50_000, "distributed": 0,
         "nav": 50_000, "nav_date": NAV_DATE, "opens": date(2018, 1, 1), "invests": 10, "life": 12, "fee": 0}
    )  # fmt: skip
    last = f"firm-{FOLLOWED + 2}"
    sheets["holdings"].append({"firm": last, "fund": "zone-direct", "cost": 10, "share": 0.001})
    scenario = imported(saved(tmp_path, sheets)).scenario
    assert followed(scenario) == [*range(FOLLOWED), FOLLOWED + 2]
    names = {metric.name for metric in metrics_of(scenario)}
    assert f"named.{last}.zone.irr" in names and f"named.firm-{FOLLOWED}.zone.irr" not in names


def test_two_guidance_funds_in_one_table_are_refused():
    with pytest.raises(UserError, match="a guidance fund is one fund"):
        load_scenario(NATIONAL.parent / "xian.toml", ["funds.guidance.count=2"])


def test_it_is_told_where_the_zone_begins_with_no_listed_firm():
    """The sheets name a portfolio; how many firms the zone has on its ladders is the base's affair."""
    told = imported(ROOT / "docs" / "portfolio").remarks
    assert any("listed firms included" in remark for remark in told)
    sets = ["ladders.certificates.levels.hte.initial=20", "ladders.listing.levels.listed.initial=2"]
    stated = imported(ROOT / "docs" / "portfolio", sets=sets)
    assert not any("listed firms included" in remark for remark in stated.remarks)


def test_a_column_of_a_csv_file_that_is_unknown_is_named_by_its_heading_and_counted(tmp_path: Path):
    """`column D` of a file without letters, in English whatever the language."""
    folder = as_csv(example(), tmp_path / "csv", "en")
    path = folder / "firms.csv"
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    lines[0] = lines[0].replace("Revenue", "Revenu")
    place = next(k for k, heading in enumerate(lines[0].split(","), 1) if "Revenu " in heading)
    path.write_text("\n".join(lines), encoding="utf-8")
    for lang, words in (("en", f"(the {ordinal(place)})"), ("zh", f"这一列（第 {place} 列）")):
        problems = [line for line in refused(folder, lang) if words in line]
        assert problems and "column E" not in problems[0] and "Revenu (" in problems[0]
        assert lang == "en" or "column " not in problems[0]


def test_ordinals():
    assert [ordinal(k) for k in (1, 2, 3, 4, 11, 12, 13, 21, 112)] == [
        "1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "112th",
    ]  # fmt: skip


@pytest.mark.parametrize(("lang", "words"), [("en", "no market fund"), ("zh", "没有市场化基金")])
def test_it_is_told_where_no_market_fund_follows_the_imported_ones(tmp_path: Path, lang: str, words: str):
    """On national.toml the firms of the sheets find few leads; on a zone with market funds nothing is said."""
    assert any(words in remark for remark in imported(ROOT / "docs" / "portfolio", lang).remarks)
    zone = read(ROOT / "docs" / "portfolio", tmp_path / "p.toml", ROOT / "scenarios" / "tianjin.toml", lang=lang)
    assert not any(words in remark for remark in zone.remarks)
    assert zone.scenario.lacking_funds() is None


@pytest.mark.parametrize("base", ["xian", "tianjin", "starter"])
def test_the_guidance_fund_of_the_sheets_takes_the_place_of_the_bases(tmp_path: Path, base: str):
    """Such a base was refused, with an advice that import had no place for. What is written loads and runs."""
    from sim.ensemble import simulate
    from sim.starter import Answers, compose

    path = ROOT / "scenarios" / f"{base}.toml"
    if base == "starter":
        (tmp_path / "national.toml").write_text(NATIONAL.read_text(encoding="utf-8"), encoding="utf-8")
        path = tmp_path / "zone.toml"
        path.write_text(compose(Answers(), path, "en"), encoding="utf-8")
    out = tmp_path / "portfolio.toml"
    made = import_portfolio(ROOT / "docs" / "portfolio", out, path)
    scenario = load_scenario(out, ['zone.end="2026Q4"'])
    assert [c.id for c in scenario.funds if c.kind == "guidance"] == ["eg-guidance"]
    assert {c.parent for c in scenario.funds if c.kind == "sub-fund"} == {"eg-guidance"}
    said = [remark for remark in made.remarks if "replace these funds of the base" in remark]
    assert len(said) == (0 if base == "tianjin" else 1)
    if base == "xian":
        assert (
            "guidance, angel, venture, industry; with them go the facts xa-guidance, xa-subfunds, xa-cluster" in said[0]
        )
        assert "funds.guidance.size" in said[0] and "funds.guidance.size" not in scenario.levers
        assert not any("funds.guidance." in fact.metric for fact in scenario.facts)
        assert {c.id for c in scenario.funds} >= {"direct", "partner", "market_early"}, "other funds of the base stay"
    assert simulate(scenario, 1, 1, audit=True).manifest["audit"]["replications"] == 1


def test_a_guidance_fund_under_the_bases_id_changes_it_and_what_names_the_old_one_is_told(tmp_path: Path):
    xian = ROOT / "scenarios" / "xian.toml"
    made = read(saved(tmp_path, drawn(2, 2, seed=3)), tmp_path / "p.toml", xian)  # its guidance fund: "guidance"
    assert {"angel", "venture", "industry"} <= {c.id for c in made.scenario.funds}
    assert "remove = true" not in made.text and not any("replace these funds" in remark for remark in made.remarks)
    base = tmp_path / "base.toml"
    base.write_text(
        f'extends = "{xian}"\n[guidance.cap]\nown = 0.3\n[[funds]]\nid = "own"\nname = "own"\nkind = "sub-fund"\n'
        'parent = "guidance"\nplan = 0\ncount = 1\nopens = "2020Q1"\nopens_until = "2021Q1"\n'
        'invests = "5y"\nlife = "8y"\nfee = 0.02\nfee_after = 0.01\nhurdle = 0.08\ncarry = 0.2\ncatch_up = 1\n'
        'local = 0.5\nfollow_on = 0\nstages = ["a"]\n',
        encoding="utf-8",
    )
    with pytest.raises(UserError) as error:
        read(ROOT / "docs" / "portfolio", tmp_path / "p.toml", base)
    assert told([str(p) for p in error.value.problems], "guidance.cap.own", "take it out of the base")


def test_the_direct_fund_of_the_sheets_takes_the_place_of_the_bases(tmp_path: Path):
    sheets = drawn(2, 2, seed=3)
    sheets["funds"].append(
        {"id": "zone-direct", "name": "直投", "kind": "direct", "size": 100_000, "paid_in": 50_000, "distributed": 0,
         "nav": 50_000, "nav_date": NAV_DATE, "opens": date(2018, 1, 1), "invests": 10, "life": 12, "fee": 0}
    )  # fmt: skip
    made = read(saved(tmp_path, sheets), tmp_path / "p.toml", ROOT / "scenarios" / "xian.toml", lang="zh")
    assert [c.id for c in made.scenario.funds if c.kind == "direct"] == ["zone-direct"]
    assert any("已移除：direct" in remark and "parent" not in remark for remark in made.remarks)


def test_what_the_positions_do_not_show_is_told_as_the_run_counts_it(tmp_path: Path):
    """The amounts that the import tells are those of the first quarter; a small difference is the carry so far."""
    from sim.ensemble import simulate
    from sim.portfolio.beyond import beyond

    made = imported(ROOT / "docs" / "portfolio")
    angel, venture = (made.portfolio.fund_by_id[x] for x in ("eg-angel", "eg-venture"))
    said = [remark for remark in made.remarks if "is in no position of the sheets: it counts as" in remark]
    assert len(said) == 1 and "eg-angel" in said[0] and "83m" in said[0] and "Placed here, not in Holdings" in said[0]
    assert any("eg-venture" in remark and "cash not invested yet" in remark for remark in made.remarks)
    assert any(
        "8,300万" in x and "已投本区（未列入持股表）" in x for x in imported(ROOT / "docs" / "portfolio", "zh").remarks
    )
    out = tmp_path / "p.toml"
    import_portfolio(ROOT / "docs" / "portfolio", out, NATIONAL)
    result = simulate(load_scenario(out, ['zone.end="2026Q1"']), 1, 1)
    first = result["funds.eg-angel.invested.outside"][0, 0]
    assert beyond(angel, made.portfolio).outside == pytest.approx(first, rel=0.02)
    assert beyond(venture, made.portfolio).outside == result["funds.eg-venture.invested.outside"][0, 0] == 0.0


def test_what_was_placed_here_beside_the_positions_is_asked_no_more(tmp_path: Path):
    sheets = example()
    sheets["funds"][2]["placed"] = 8000
    made = imported(saved(tmp_path, sheets))
    was = imported(saved(tmp_path, example(), name="before.xlsx")).scenario
    size, committed, placed = 2e8, 8e7, 8e7
    fund = next(c for c in made.scenario.funds if c.id == "eg-angel")
    assert fund.local.value == pytest.approx(1.0 - placed / (size * (1 - 0.02 * 5 - 0.5 * 0.02 * 4)))
    asked = made.scenario.guidance.reinvestment_of["eg-angel"].value
    assert asked == pytest.approx(was.guidance.reinvestment.value - placed / committed)
    assert any("80m of it is said to be in firms here" in remark for remark in made.remarks)
    assert "eg-venture" not in made.scenario.guidance.reinvestment_of
    for row, much, words in (
        (2, 12000, "beyond the cost of its positions"),
        (2, 9000, "State at most 8"),
        (1, 20000, "cash not invested yet, of a fund paid in by tranche. Leave this blank"),
        (0, 10, "a guidance fund invests in funds"),
    ):
        assert told(spoilt(tmp_path, "funds", row, placed=much), "Placed here", words)


def test_a_placed_amount_is_in_the_remark_of_a_fund_by_tranche_and_funds_are_counted(tmp_path: Path):
    """200m placed of a fund of which the run still held all of it as cash; remarks were counted as funds."""
    from sim.portfolio.beyond import MOST_TOLD, beyond

    sheets = example()
    sheets["funds"][1] |= {"placed": 1000, "nav": 29000}
    made = imported(saved(tmp_path, sheets))
    venture = made.portfolio.fund_by_id["eg-venture"]
    found = beyond(venture, made.portfolio)
    assert found.cash > 0.0 and found.outside >= 1e7
    assert any("eg-venture" in x and "10m of it is said to be in firms here" in x for x in made.remarks)
    assert any("eg-venture" in x and "cash not invested yet" in x for x in made.remarks)
    sheets["funds"] += [sheets["funds"][1] | {"id": f"eg-more-{k}", "placed": None} for k in range(MOST_TOLD)]
    said = [x for x in imported(saved(tmp_path, sheets, name="more.xlsx")).remarks if "eg-" in x or "more fund" in x]
    assert any("2 more funds are so" in x for x in said), said
