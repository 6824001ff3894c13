"""Claims about rule packs: what they fill in, what a scenario states in their place, what is refused and where."""

from pathlib import Path

import pytest

from sim import starter
from sim.errors import UserError
from sim.scenario import load_scenario
from sim.scenario.loading import provenance, with_overrides
from sim.scenario.packs import departures, under_national_rules

XIAN = Path("scenarios/xian.toml")
PACKS = sorted(p.stem for p in Path("scenarios/rules").glob("*.toml") if p.stem != "evaluation-2025")
ANY_TIME = ['guidance.rules.valid_from="2019Q4"', 'guidance.rules.valid_to="2040Q4"']


def problem(*sets: str) -> str:
    with pytest.raises(UserError) as caught:
        load_scenario(XIAN, sets)
    return str(caught.value)


@pytest.mark.parametrize("pack", PACKS)
def test_every_pack_fills_the_rules_and_every_number_has_a_source(pack):
    scenario = load_scenario(XIAN, [f"guidance.pack={pack}", *ANY_TIME])
    assert scenario.guidance.rules is not None
    for row in provenance(scenario):
        if row["path"].startswith(("guidance.cap", "guidance.tolerance", "guidance.limits", "guidance.evaluation")):
            assert row["source"] and "without a source" not in row["source"], row


def test_a_number_that_a_scenario_states_takes_the_packs_place_and_is_told():
    scenario = load_scenario("scenarios/xian/cap-50.toml")
    assert scenario.guidance.cap["angel"].value == 0.5
    stated = {row["path"]: (row["pack"], row["here"]) for row in departures(scenario) if row["what"] == "stated"}
    assert stated["guidance.cap.angel"] == (0.4, 0.5)
    packed = {row["path"]: row["pack"] for row in provenance(scenario)}
    assert packed["guidance.cap.angel"] == 0.4 and packed["guidance.reinvestment"] is None


def test_terms_beyond_the_packs_limits_are_told_not_refused():
    scenario = load_scenario(XIAN, ["funds.angel.fee=0.05", 'funds.venture.life="25y"'])
    beyond = {row["path"] for row in departures(scenario) if row["what"] == "limit"}
    assert {"funds.angel.fee", "funds.venture.life"} <= beyond


def test_the_summary_names_the_terms_beyond_the_limits():
    from sim.printing import line_of_pack

    scenario = load_scenario(XIAN, ["funds.angel.fee=0.08"])
    pack = {"pack": "p", "name": {"zh": "规则", "en": "Rules"}, "valid_from": "2020Q1", "valid_to": None}
    pack |= {"departures": departures(scenario), "classes": {}}
    assert "beyond its limits: funds.angel.fee 8% (limit " in line_of_pack({"rule_pack": pack}, "en")
    assert "超出限额：funds.angel.fee 8%（限额 " in line_of_pack({"rule_pack": pack}, "zh")


def test_terms_that_no_fund_has_are_told_and_fees_that_leave_nothing_refused():
    from sim.printing import line_of_terms

    assert not load_scenario(XIAN).unusual_terms()
    unusual = load_scenario(XIAN, ["funds.angel.fee=12%", "funds.angel.carry=60%"]).unusual_terms()
    assert list(unusual) == ["funds.angel.fee", "funds.angel.carry"]
    assert list(load_scenario(XIAN, ["public.discount=300%"]).unusual_terms()) == ["public.discount"]
    assert "funds.angel.fee 12% (usually at most 5%), funds.angel.carry 60%" in line_of_terms(unusual, "en")
    assert "funds.angel.fee 12%（通常不超过 5%）" in line_of_terms(unusual, "zh")
    with pytest.raises(UserError, match="fees by its terms take 301% of commitments over its life"):
        load_scenario(XIAN, ["funds.angel.fee=60%"])
    with pytest.raises(UserError) as caught:  # the largest part is named
        load_scenario(XIAN, ["funds.angel.expenses=15%"])
    assert [(x.key, x.found) for x in caught.value.problems] == [("funds.angel.expenses", "0.15")]


def test_the_summary_has_the_share_of_funds_that_miss_the_reinvestment_ratio_by_class():
    from sim.printing import line_of_pack

    row = {"name": {"zh": "天使", "en": "Angel"}, "tolerance": 0.4, "breach": 0.1, "breach_error": 0.01}
    pack = {"pack": "p", "name": {"zh": "规则", "en": "Rules"}, "valid_from": "2020Q1", "valid_to": None}
    pack |= {"departures": [], "classes": {"angel": row | {"reinvestment_missed": 0.83}}}
    told = line_of_pack({"rule_pack": pack}, "en")
    assert "share of the class's sub-funds that miss the reinvestment ratio (返投), at the end: Angel 83%" in told
    assert "期末返投未达标子基金占比：天使 83%" in line_of_pack({"rule_pack": pack}, "zh")
    pack["classes"]["angel"]["reinvestment_missed"] = float("nan")  # a scenario that asks for none
    assert "reinvestment" not in line_of_pack({"rule_pack": pack}, "en")


def test_a_pack_out_of_its_dates_names_the_file_and_the_line():
    text = problem("guidance.pack=shaanxi-2025")
    line = Path(XIAN).read_text(encoding="utf-8").splitlines().index('id = "angel"') + 1
    assert "scenarios/xian.toml:" in text and "does not hold when these funds open" in text
    found = int(text.split("xian.toml:")[1].split(":")[0])
    assert line < found < line + 12


def test_an_unknown_pack_names_the_nearest():
    assert "did you mean shaanxi-2020?" in problem("guidance.pack=shanxi-2020")


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_a_starter_states_its_choice_of_rules_so_that_its_first_check_is_not_told_of_others(tmp_path, lang):
    (tmp_path / "national.toml").write_bytes(Path("scenarios/national.toml").read_bytes())
    own = starter.create("mine", starter.Answers(), lang, tmp_path)
    assert under_national_rules(load_scenario(own)) is None
    (line,) = [line for line in own.read_text("utf-8").splitlines() if line.startswith("pack = ")]
    assert line.startswith('pack = "usual"') and '"national-2025"' in line.partition("#")[2]


def test_a_zone_without_a_pack_is_told_that_its_funds_open_under_the_rules_of_2025_and_the_remedy_works(tmp_path):
    """It had usual practice until now for funds of 2025 to 2027, and nobody was told."""
    from sim.printing import line_of_national

    (tmp_path / "national.toml").write_bytes(Path("scenarios/national.toml").read_bytes())
    own = starter.create("mine", starter.Answers(), "en", tmp_path)
    text = own.read_text("utf-8")
    own.write_text("".join(x for x in text.splitlines(True) if not x.startswith("pack = ")), encoding="utf-8")
    found = under_national_rules(load_scenario(own))
    assert found is not None and found["classes"] == ["angel", "venture", "industry"]
    assert (found["from"], found["until"], found["first"]) == ("2025Q1", "2027Q2", "2024Q1")
    told = line_of_national(found, "en")
    assert "(angel, venture, industry) open in 2025Q1 to 2027Q2, under State Council rules of 2025" in told
    assert 'guidance.pack = "national-2025" (with guidance.rules.valid_from = "2024Q1"' in told
    assert "在 2025Q1–2027Q2 设立，其时施行的是国办发〔2025〕1号" in line_of_national(found, "zh")
    for way in (["national-2025", 'guidance.rules.valid_from="2024Q1"'], ["usual"]):
        chosen = load_scenario(own, [f"guidance.pack={way[0]}", *way[1:]])
        assert chosen.guidance.pack == way[0] and under_national_rules(chosen) is None
    early = load_scenario(own, [f'funds.{x}.opens_until="2025Q1"' for x in found["classes"]])
    ends = load_scenario(own, ['zone.end="2026Q1"', 'funds.venture.opens="2026Q2"'])  # told of funds that never open
    found = under_national_rules(ends)
    assert found is not None and (found["classes"], found["until"]) == (["angel", "industry"], "2026Q1")
    base = tmp_path / "national.toml"
    base.write_text(base.read_text("utf-8") + "# our own rules\n", encoding="utf-8")  # the name is not the file
    assert under_national_rules(load_scenario(own, [])) is None
    assert under_national_rules(early) is None and line_of_national(None, "en") == ""


def test_a_zone_that_names_its_rules_is_told_of_no_others():
    assert under_national_rules(load_scenario(XIAN)) is None  # the one zone of the shipped that has sub-funds


@pytest.mark.parametrize(
    "term, words",
    [
        ("funds.angel.catch_up=1.2", "between 0 and 1"),
        ("funds.angel.carry=1.2", "between 0 and 1"),
        ("funds.angel.catch_up=0.1", "never completes"),
        ("funds.angel.hurdle=0", "a catch-up needs a hurdle"),
        ("funds.guidance.catch_up=0.5", "catches up with nothing"),
        ("funds.angel.tranches=[0.4,0.3]", "sum to 0.7"),
        ('funds.angel.tranche_every="1y"', "no tranches"),
        ('funds.venture.recycling_for="2y"', "nothing may be recycled"),
        ('funds.angel.harvest="20y"', "longer than the life"),
        ("funds.angel.fee_base=commitments", "allowed words"),
    ],
)
def test_contradictory_terms_are_refused(term, words):
    assert words in problem(term)


@pytest.mark.parametrize("table", ["cap", "tolerance", "reinvestment_of", "limits.fee_of"])
def test_a_table_by_class_speaks_of_sub_funds_or_of_mandates(tmp_path, table):
    """A name that was misspelt was passed over, and its class had the pack's number."""
    said = problem(f"guidance.{table}.ventrue=0.9")
    assert f"guidance.{table}.ventrue: no such class of sub-funds" in said and "did you mean venture" in said
    said = problem(f"guidance.{table}.direct=0.9")
    assert f"guidance.{table}.direct: is a fund of kind direct: rules by class hold for sub-funds" in said
    own = tmp_path / "own.toml"
    own.write_text(f'extends = "{XIAN.resolve()}"\n[[funds]]\nid = "industry"\nremove = true\n')
    load_scenario(own, [f"guidance.{table}.industry=0.9"])  # packs state mandates, whatever classes there are


def test_a_missing_hurdle_names_the_class(tmp_path):
    file = tmp_path / "short.toml"
    file.write_text(
        f'extends = "{XIAN.resolve()}"\n[[funds]]\nid = "extra"\nname = "extra"\nkind = "market"\ncount = 1\n'
        'size = "1亿"\ninvests = "4y"\nlife = "8y"\nfee = 0.02\nfee_after = 0.01\ncarry = 0.2\n'
        "catch_up = 1.0\nlocal = 1\nfollow_on = 0\n",
        encoding="utf-8",
    )
    with pytest.raises(UserError) as caught:
        load_scenario(file)
    text = str(caught.value)
    assert "funds.extra.hurdle" in text and "missing" in text and "short.toml:" in text


def test_a_pack_of_ones_own_lies_beside_the_scenario(tmp_path):
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "ours.toml").write_text(
        '[pack]\nname = "ours"\nvalid_from = "2019Q1"\nsource = "our rules"\ngrade = "published"\n'
        "[guidance]\nreinvestment = 1.2\n[guidance.cap]\nangel = 0.3\nventure = 0.3\nindustry = 0.25\n",
        encoding="utf-8",
    )
    file = tmp_path / "zone.toml"
    file.write_text(f'extends = "{XIAN.resolve()}"\n[guidance]\npack = "ours"\n', encoding="utf-8")
    scenario = load_scenario(file)
    assert scenario.guidance.cap["industry"].value == 0.25
    assert scenario.guidance.cap["industry"].source == "our rules"
    assert scenario.guidance.evaluation is None
    again = with_overrides(scenario, {"guidance.pack": "usual", "guidance.rules.valid_from": "2019Q4"})
    assert again.guidance.reinvestment.value == 1.5


def test_a_pack_with_other_tables_is_refused(tmp_path):
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "odd.toml").write_text(
        '[pack]\nname = "x"\nvalid_from = "2019Q1"\n[firms]\n', encoding="utf-8"
    )
    file = tmp_path / "zone.toml"
    file.write_text(f'extends = "{XIAN.resolve()}"\n[guidance]\npack = "odd"\n', encoding="utf-8")
    with pytest.raises(UserError) as caught:
        load_scenario(file)
    assert "holds [pack] and [guidance] only" in str(caught.value)
