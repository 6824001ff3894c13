"""Claims about the scenario language: what is read, and what a mistake is told."""

from pathlib import Path

import pytest

from sim.errors import UserError
from sim.quantities import format_money, parse_money, parse_quarter, parse_share, parse_years, quarter_name
from sim.scenario import load_scenario
from sim.scenario.fields import iter_quantities
from sim.scenario.loading import find_quantity, grade_shares, provenance, with_overrides

XIAN = Path("scenarios/xian.toml")


def variant(folder: Path, text: str, name: str = "mine.toml") -> Path:
    """A file beside which Xi'an stands, extending it."""
    path = folder / name
    path.write_text(f'extends = "{XIAN.resolve()}"\n{text}', encoding="utf-8")
    return path


def problems(path: Path, *sets: str) -> list[str]:
    with pytest.raises(UserError) as caught:
        load_scenario(path, sets)
    return [str(p) for p in caught.value.problems]


@pytest.mark.parametrize(
    ("text", "yuan"),
    [
        ("50亿", 5e9),
        ("6000万", 6e7),
        ("6.67亿", 6.67e8),
        ("5bn", 5e9),
        ("300m", 3e8),
        ("¥1,000", 1000),
        (1e8, 1e8),
        ("12元", 12),
    ],
)
def test_money_is_read_as_people_write_it(text, yuan):
    assert parse_money(text) == yuan


@pytest.mark.parametrize("text", ["50kg", "$5m", "5 USD", "", "abc", "nan", True, float("inf")])
def test_money_in_another_unit_is_refused(text):
    with pytest.raises(ValueError, match=r"write|not US dollars|finite"):
        parse_money(text)


def test_dates_become_quarters_and_back():
    assert parse_quarter("2021-10") == parse_quarter("2021Q4") == 2021 * 4 + 3
    assert quarter_name(parse_quarter("2023Q4")) == "2023Q4"
    assert parse_years("18m") == 1.5
    assert parse_share("20%") == 0.2
    assert format_money(15.1e9, "zh") == "151亿"


def test_every_number_of_xian_has_a_grade_a_source_and_a_path():
    scenario = load_scenario(XIAN)
    rows = provenance(scenario)
    assert len(rows) > 300
    assert all(r["grade"] and r["source"] and r["path"] for r in rows)
    assert sum(grade_shares(scenario).values()) == pytest.approx(1)


def test_every_published_row_of_xian_is_a_fact():
    ids = {f.id for f in load_scenario(XIAN).facts}
    wanted = (
        "guidance subfunds cluster vcs park park-n eswin eswin-v tj tj-v zb-n zb-amt zb-mv zb-jobs "
        "hte-add hte-g hte-2021 tech champ giant srdi listed reserve reserve-p"
    )
    assert ids == {f"xa-{x}" for x in wanted.split()}


def test_misspelt_key_names_the_line_and_the_nearest_key(tmp_path):
    path = variant(tmp_path, "[rounds]\nmeatings = 7\n")
    (text,) = problems(path)
    assert "mine.toml:3" in text
    assert "meetings" in text


def test_all_errors_of_a_file_are_told_at_once(tmp_path):
    path = variant(tmp_path, '[rounds]\nlead = -0.2\nbargaining = "50kg"\n[public]\ndiscont = 0.03\n')
    texts = problems(path)
    assert len(texts) == 3
    assert any("mine.toml:3" in t and "between 0 and 1" in t for t in texts)
    assert any("mine.toml:4" in t for t in texts)
    assert any("did you mean discount" in t for t in texts)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[firms.sectors.software]\nshare = 0.9\n", "above 1"),
        ('[[funds]]\nid = "guidance"\nparent = "angel"\n', "commit to itself"),
        ('[zone]\nend = "2018Q4"\n', "end must come after the start"),
        ('[attraction]\nbegins = "2025Q1"\n', "dates out of order"),
        ('[[facts]]\nid = "x"\nmetric = "firms.alife"\ndate = "2023Q4"\nvalue = 1\nuse = "check"\n', "firms.alive"),
        ('[[named]]\nid = "eswin"\nsector = "optics"\n', "no such sector"),
        ('[ladders.certificates.levels.giant]\nrequires = "srdy"\n', "no such level"),
        ("[guidance]\nadditionality = { uniform = [-0.5, 0.5] }\n", "leaves the allowed range"),
        ("[run]\nreplications = 0\n", "at least 1"),
    ],
)
def test_impossible_values_and_broken_references_are_refused(tmp_path, text, told):
    found = "\n".join(problems(variant(tmp_path, text)))
    assert told in found
    assert "mine.toml" in found or "xian.toml" in found or "national.toml" in found


def test_missing_parent_names_the_line_of_extends(tmp_path):
    path = tmp_path / "a.toml"
    path.write_text('\nextends = "nowhere.toml"\n', encoding="utf-8")
    (text,) = problems(path)
    assert "a.toml:2" in text
    assert "nowhere.toml" in text


def test_files_that_extend_each_other_are_refused(tmp_path):
    (tmp_path / "a.toml").write_text('extends = "b.toml"\n', encoding="utf-8")
    (tmp_path / "b.toml").write_text('extends = "a.toml"\n', encoding="utf-8")
    assert "circle" in problems(tmp_path / "a.toml")[0]


def test_not_toml_and_not_utf8_are_told_with_their_line(tmp_path):
    bad = tmp_path / "bad.toml"
    bad.write_text("a = 1\nb = = 2\n", encoding="utf-8")
    assert "bad.toml:2" in problems(bad)[0]
    raw = tmp_path / "raw.toml"
    raw.write_bytes("a = 1\nname = '高新'".encode("gbk"))
    assert "UTF-8" in problems(raw)[0]
    assert "no such file" in problems(tmp_path / "none.toml")[0]


def test_set_replaces_value_and_distribution_and_says_who_did_it():
    scenario = load_scenario(XIAN, ["guidance.additionality=0.3", "funds.guidance.size=100亿"])
    q = find_quantity(scenario, "guidance.additionality")
    assert (q.value, q.distribution, q.source, q.grade) == (0.3, None, "command line", "assumed")
    assert find_quantity(scenario, "funds.guidance.size").value == 1e10


def test_set_of_an_unknown_path_names_the_nearest():
    (text,) = problems(XIAN, "funds.guidence.size=1亿")
    assert "funds.guidance.size" in text


def test_paths_lead_to_their_quantities():
    scenario = load_scenario(XIAN)
    for path, quantity in iter_quantities(scenario):
        assert quantity.path == path
    with pytest.raises(UserError, match=r"rounds\.stages\.a\.step_up"):
        find_quantity(scenario, "rounds.a.step_up")
    with pytest.raises(UserError, match="not a number"):
        find_quantity(scenario, "rounds.stages")


def test_overrides_are_validated_again():
    scenario = load_scenario(XIAN)
    assert with_overrides(scenario, {"rounds.lead": 0.5}).rounds.lead.value == 0.5
    with pytest.raises(UserError):
        with_overrides(scenario, {"rounds.lead": 1.5})


@pytest.mark.parametrize("path", sorted(Path("scenarios").rglob("*.toml")), ids=str)
def test_every_shipped_scenario_is_valid(path):
    assert load_scenario(path).metrics
