import subprocess
import sys
from pathlib import Path

import pytest

from sim.terms import TERMS, UnknownTerm, label_of, term


def test_every_term_stands_in_both_languages():
    assert all(len(words) == 2 and all(word.strip() for word in words) for words in TERMS.values())


def test_the_same_blanks_are_filled_in_both_languages():
    def blanks(text):
        return sorted(part.split("}")[0] for part in text.split("{")[1:])

    assert [key for key, (zh, en) in TERMS.items() if blanks(zh) != blanks(en)] == []


def test_a_misspelt_term_names_the_nearest_one():
    with pytest.raises(UnknownTerm, match=r"firms\.alive"):
        term("firms.alve", "zh")


def test_an_unknown_language_says_which_there_are():
    with pytest.raises(UnknownTerm, match="zh and en"):
        term("firms.alive", "fr")


@pytest.mark.parametrize(
    ("metric", "zh", "en"),
    [
        ("firms.alive", "存续企业", "Firms alive"),
        ("ladder.certificates.hte", "高新技术企业", "High-tech enterprises"),
        ("ladder.certificates.hte.entered", "高新技术企业：新增", "High-tech enterprises: entered"),
        ("rounds.raised.a", "融资额，A轮", "Money raised, series A"),
        ("funds.guidance.paid_in", "引导基金：累计实缴", "Guidance fund: paid in"),
        ("funds.leverage", "放大倍数", "Leverage"),
    ],
)
def test_labels_are_composed_of_the_words_of_the_table(metric, zh, en):
    assert (label_of(metric, {}, "zh"), label_of(metric, {}, "en")) == (zh, en)


def test_the_scenarios_own_names_come_before_the_tables():
    names = {"hte": {"zh": "高企", "en": "HTE"}, "green.hte": {"zh": "绿色高企", "en": "Green HTE"}}
    assert label_of("ladder.certificates.hte", names, "zh") == "高企"
    assert label_of("ladder.green.hte", names, "en") == "Green HTE"
    assert label_of("named.eswin.post_money", {"eswin": "奕斯伟"}, "zh") == "奕斯伟：最近投后估值"


def test_a_level_that_nobody_named_is_refused_with_the_nearest():
    with pytest.raises(UnknownTerm, match="champion"):
        label_of("ladder.certificates.champoin", {}, "zh")


def test_the_table_costs_nothing_to_import():
    code = "import sys, sim.terms; print(any(m in sys.modules for m in ('numpy', 'typing', 'difflib')))"
    root = Path(__file__).parent.parent
    out = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert out.stdout.strip() == "False"


def test_the_words_for_no_source_are_told_in_the_readers_language() -> None:
    from sim.terms import sourced

    assert sourced("stated in xian.toml without a source", "zh") == "见 xian.toml，未注明出处"
    assert sourced("command line", "zh") == "命令行"
    page = "set on the what-if page; 20% on average, uncertain in xian.toml"
    assert sourced(page, "zh") == "在推演网页上设定；xian.toml 中为 20%（均值，有分布）"
    assert sourced(page, "en") == page
    assert sourced("portfolio.xlsx, Firms row 2", "zh") == "portfolio.xlsx，Firms 第 2 行"
    assert sourced("firms.csv, row 2", "zh") == "firms.csv，第 2 行"
    assert (sourced("starter file", "zh"), sourced("起步文件", "en")) == ("起步文件", "starter file")
    assert sourced("Yearbook 2023, page 4", "zh") == "Yearbook 2023, page 4"


def test_redemptions_are_called_payments_to_funds_which_is_what_is_counted():
    """One for each fund's position and part payment, not one for each firm."""
    assert label_of("rounds.redeemed", {}, "en") == "Redemption payments to funds"
    assert label_of("rounds.redeemed", {}, "zh") == "累计回购付款次数（对各基金）"
