"""Claims about the scenario language: what is read, and what a mistake is told.

First on a zone of a few tables, then on the shipped scenarios.
"""

import json
import math
import pickle
import subprocess
import sys
import typing
from pathlib import Path
from typing import Annotated, Any

import jsonschema
import numpy as np
import pytest
import tomli
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError, model_validator

from sim.errors import Problem, UserError, reference_problem
from sim.scenario import load_scenario
from sim.scenario.document import Scenario
from sim.scenario.doubt import _parts
from sim.scenario.facts import Fact
from sim.scenario.fields import (
    Area,
    Bounds,
    Count,
    Described,
    Dollars,
    Id,
    Kind,
    LocalName,
    Money,
    Number,
    Rate,
    Ratio,
    Share,
    SignedMoney,
    Table,
    When,
    Years,
    iter_quantities,
)
from sim.scenario.loading import (
    ScenarioProblems,
    find_quantity,
    grade_shares,
    load,
    load_tree,
    provenance,
    with_overrides,
)
from sim.scenario.reading import lines_of
from sim.scenario.schema import json_schema

XIAN = Path("scenarios/xian.toml")
ROOT = Path(__file__).parent.parent
SHIPPED = sorted(Path("scenarios").rglob("*.toml"))
SCENARIOS = [path for path in SHIPPED if path.parent.name != "rules"]  # rule packs are parts of scenarios


class Terms(Table):
    dilution: Share = Described("share sold")
    step_up: Annotated[Ratio, Bounds(gt=0, le=10)] = Described("step-up", default=1.5)
    drag: Rate | None = Described("fee", default=None)


class Levels(Table):
    cold: Number
    normal: Number
    hot: Number


class Fund(Table):
    id: Id
    size: Money
    parent: Id | None = None
    flow: SignedMoney | None = None


class Market(Table):
    level: Levels
    begins: When
    renewal: list[Share] = Described("odds", default=[])


class Small(Table):
    """A zone of a few tables."""

    name: LocalName
    market: Market
    terms: dict[Id, Terms]
    funds: list[Fund] = Described("funds", default=[])
    facts: list[Fact] = Described("facts", default=[])
    floor: Area | None = None
    jobs: Count | None = None
    life: Years | None = None
    unicorn: Dollars | None = None

    @model_validator(mode="after")
    def _parents_exist(self) -> "Small":
        ids = [f.id for f in self.funds]
        lost = [f for f in self.funds if f.parent is not None and f.parent not in ids]
        if lost:
            raise ScenarioProblems([(f"funds.{f.id}.parent", "no such fund", f.parent, ids) for f in lost])
        return self


BASE = """
name = "示范"

[market]
source = "a yearbook"
grade = "published"
level = { cold = -0.3, normal = 0, hot = 0.3 }
begins = 2019-11-05
renewal = [0.6, "70%"]

[terms.a]
dilution = { uniform = [0.1, 0.3], note = "half of them" }

[terms.b]
dilution = "20%"
step_up = { value = 2, source = "own books", grade = "estimated" }

[[funds]]
id = "guidance"
size = "50亿"

[[funds]]
id = "angel"
size = { lognormal = { median = "3亿", p95 = "8亿" } }
parent = "guidance"
"""


@pytest.fixture
def zone(tmp_path):
    """zone("…", sets …) writes a file that extends base.toml and loads it."""

    def write(text: str = "", *sets: str, base: str = BASE) -> Small:
        (tmp_path / "base.toml").write_text(base, encoding="utf-8")
        path = tmp_path / "mine.toml"
        path.write_text(f'extends = "base.toml"\n{text}', encoding="utf-8")
        return load(Small, path, sets)

    return write


@pytest.fixture
def told(zone):
    """What the mistakes of a file are told, one text each."""

    def mistakes(text: str = "", *sets: str, base: str = BASE) -> list[str]:
        with pytest.raises(UserError) as caught:
            zone(text, *sets, base=base)
        return [str(p) for p in caught.value.problems]

    return mistakes


def one(texts: list[str], *parts: str) -> None:
    """One problem is told, and it says all of this."""
    assert len(texts) == 1, texts
    for part in parts:
        assert part in texts[0]


# ------------------------------------------------------------------------------------------------ what is read


def test_a_quantity_is_a_number_a_text_or_a_table_and_knows_its_path(zone):
    q = dict(iter_quantities(zone()))
    assert q["terms.b.dilution"].value == 0.2
    assert q["funds.guidance.size"].value == 5e9
    assert q["funds.angel.size"].value == 3e8
    assert q["market.renewal.1"].value == 0.7
    assert q["terms.a.dilution"].distribution.support == (0.1, 0.3)
    assert all(quantity.path == path for path, quantity in q.items())


def test_source_and_grade_of_the_nearest_table_hold_for_what_has_none(zone):
    q = dict(iter_quantities(zone()))

    def origin(path: str) -> tuple[str, str]:
        return q[path].source, q[path].grade

    assert origin("market.level.hot") == ("a yearbook", "published")
    assert origin("terms.b.step_up") == ("own books", "estimated")
    assert origin("terms.b.dilution") == ("stated in base.toml without a source", "assumed")


def test_a_default_is_read_like_what_a_file_says(zone):
    first, second = (zone().terms["a"].step_up for _ in range(2))
    assert (first.value, first.unit, first.path) == (1.5, "ratio", "terms.a.step_up")
    assert first is not second


def test_a_unit_may_stand_beside_a_bare_number_once(zone, told):
    z = zone('floor = "50000 m2"\njobs = { value = 3.2, unit = "万" }\nlife = "18m"\nunicorn = "$1bn"\n')
    read = [z.floor, z.jobs, z.life, z.unicorn]
    assert [(q.value, q.unit) for q in read] == [(50000, "m2"), (32000, "count"), (1.5, "years"), (1e9, "USD")]
    one(told('jobs = { value = 3.2, unit = "kg" }\n'), "mine.toml:2: jobs: ", "'kg' is not understood")
    one(told('jobs = { value = "3.2万", unit = "万" }\n'), "the unit is written once")
    one(told('jobs = { uniform = [1, 2], unit = "万" }\n'), "write the unit with each number")


def test_a_table_is_not_assigned_to(zone):
    with pytest.raises(ValidationError, match="frozen"):
        zone().market.begins = 0


def test_fields_are_imported_without_numpy_and_numba():
    code = "import sys, sim.scenario.fields, sim.scenario.schema; print({'numpy', 'numba'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.strip() == "set()", done.stderr


FACT = '[[facts]]\nid = "x"\nmetric = "jobs"\ndate = "2020Q1"\nuse = "check"\nvalue = 151\n'


def test_a_fact_is_read_as_published(zone, told):
    assert zone(FACT).facts[0].value == 151
    assert zone(f'{FACT}unit = "亿"\n').facts[0].value == 1.51e10
    assert zone(FACT.replace("151", '"70余家"\nbound = "at_least"')).facts[0].value == 70
    assert zone(FACT.replace("151", '"25%"')).facts[0].value == 0.25
    one(told(FACT.replace("151", '"$5m"')), "mine.toml:7: facts.x.value: money is in yuan")
    one(told(FACT.replace("151", '"151亿"\nunit = "亿"')), "mine.toml:8: facts.x.unit: the unit is written once")


def test_the_dates_of_a_fact_are_in_order(told):
    one(told(f'{FACT}since = "2023Q4"\n'), "mine.toml:8: facts.x.since: must come before the date", "2023Q4")


# -------------------------------------------------------------------------------------------- extends and merging


def test_tables_merge_by_key_and_items_by_id(zone):
    own = '[[funds]]\nid = "guidance"\nsize = "100亿"\n[[funds]]\nid = "own"\nsize = "1元"\n'
    z = zone(f"[market.level]\nnormal = 0.1\n{own}")
    assert [(f.id, f.size.value) for f in z.funds] == [("guidance", 1e10), ("angel", 3e8), ("own", 1)]
    assert (z.market.level.cold.value, z.market.level.normal.value) == (-0.3, 0.1)


def test_changing_the_normal_regime_keeps_the_other_regimes(zone):
    """`normal` is the name of a regime and of a distribution."""
    level = zone("[market.level]\nnormal = { normal = { mean = 0, sd = 1 } }\n").market.level
    assert (level.hot.value, level.hot.source, level.hot.grade) == (0.3, "a yearbook", "published")
    assert level.normal.distribution.kind == "normal"


def test_changing_the_normal_regime_keeps_the_source_of_its_table(zone):
    base = BASE.replace("hot = 0.3 }", 'hot = 0.3, source = "own count" }')
    assert zone("[market.level]\nnormal = 0.2\n", base=base).market.level.hot.source == "own count"


def test_a_new_number_does_not_inherit_the_source_of_the_old_one(zone):
    z = zone("[terms.b]\nstep_up = { value = 3 }\n[terms.a]\ndilution = 0.2\n")
    assert z.terms["b"].step_up.source == "stated in mine.toml without a source"
    assert z.terms["b"].step_up.grade == "assumed"
    assert (z.terms["a"].dilution.distribution, z.terms["a"].dilution.note) == (None, "")


def test_a_source_can_be_added_to_the_number_of_a_parent(zone):
    q = zone('[terms.b]\ndilution = { source = "seen", grade = "published" }\n').terms["b"].dilution
    assert (q.value, q.source, q.grade) == (0.2, "seen", "published")


@pytest.mark.parametrize("parent", ["", ".", "below"])
def test_a_folder_is_no_parent(tmp_path, parent):
    (tmp_path / "below").mkdir()
    path = tmp_path / "a.toml"
    path.write_text(f'\nextends = "{parent}"\n', encoding="utf-8")
    with pytest.raises(UserError, match=r"a\.toml:2: extends: what it extends is a folder"):
        load(Small, path)


@pytest.mark.parametrize("endless", ["/dev/zero", "/dev/urandom"])
def test_a_device_that_never_ends_is_read_to_a_bound(tmp_path, endless, monkeypatch):
    monkeypatch.setattr("sim.scenario.reading.LARGEST", 1 << 20)
    with pytest.raises(UserError, match="too large for a TOML file"):
        load(Small, endless)
    path = tmp_path / "a.toml"
    path.write_text(f'extends = "{endless}"\n', encoding="utf-8")
    with pytest.raises(UserError, match="too large for a TOML file"):
        load(Small, path)


def test_an_item_is_removed_by_its_id(zone, told):
    assert [f.id for f in zone('[[funds]]\nid = "angel"\nremove = true\n').funds] == ["guidance"]
    assert zone("funds = []\n").funds == []
    one(told('[[funds]]\nid = "angle"\nremove = true\n'), "mine.toml:4: funds.angle: ", "did you mean angel?")


@pytest.mark.parametrize("path", ["zone.name", "public.colour", "rounds.weather"])
def test_a_name_like_none_is_offered_none(path):
    """A distant name would send its reader to a part of the file that has nothing to do with theirs."""
    from sim.scenario.reading import nearest

    assert nearest(path, ["rounds.backer", "market.level.hot", "terms.a.dilution", "guidance.size"]) is None
    assert nearest("guidance.sise", ["rounds.backer", "guidance.size"]) == "guidance.size"


def test_a_missing_parent_names_the_line_of_extends_and_the_nearest_file(tmp_path):
    (tmp_path / "base.toml").write_text(BASE, encoding="utf-8")
    path = tmp_path / "a.toml"
    path.write_text('\nextends = ["base.toml",\n  "bass.toml"]\n', encoding="utf-8")
    with pytest.raises(UserError, match=r"a\.toml:3: extends: the file .*does not exist.*did you mean base\.toml"):
        load(Small, path)
    for odd in ("a" * 5000, "x\\u0000y"):
        path.write_text(f'extends = "{odd}"\n', encoding="utf-8")
        with pytest.raises(UserError, match=r"a\.toml:1: extends: the file it extends does not exist"):
            load(Small, path)


# ------------------------------------------------------------------------------------------- what mistakes are told


def test_a_misspelt_key_names_its_line_and_the_nearest_key(told):
    one(told("[terms.b]\nstepup = 3\n"), "mine.toml:3: terms.b.stepup: unknown key", "did you mean step_up?")


def test_a_misspelt_key_is_not_missing_as_well(told):
    one(told(base=BASE.replace("begins =", "begin =")), "base.toml:8: market.begin: ", "did you mean begins?")


def test_two_errors_in_one_file_are_both_told(told):
    first, second = told('[terms.a]\nstep_up = -1\n[terms.b]\ndilution = "50kg"\n')
    assert "mine.toml:3: terms.a.step_up: must be at least 0" in first
    assert "mine.toml:5: terms.b.dilution: 'kg' is not a unit" in second


def test_an_error_in_a_parent_points_to_the_line_of_the_parent(told):
    one(told("floor = 1\n", base=BASE.replace('"20%"', '"120%"')), "base.toml:15: terms.b.dilution: must lie between")


@pytest.mark.parametrize(
    ("dilution", "parts"),
    [
        ('"50kg"', ("'kg' is not a unit of a share", 'found "50kg"')),
        ('"$5"', ("write a share",)),
        ("-0.1", ("must lie between 0 and 1 (share)", "found -0.1")),
        ("1.2", ("must lie between 0 and 1 (share)", "found 1.2")),
        ("nan", ("must be finite",)),
        ("inf", ("must be finite",)),
        ("true", ("write a share",)),
        ("[0.1, 0.2]", ("write a share",)),
        ("{ uniform = [-0.5, 0.5] }", ("the distribution leaves the allowed range: between 0 and 1 (share)",)),
        ("{ triangular = [0.5, 0.9, 1.1] }", ("the distribution leaves the allowed range",)),
        ("{ choices = [0.5, 2] }", ("the distribution leaves the allowed range",)),
        ("{ normal = { mean = 0.1, sd = 0.2 } }", ("the distribution leaves the allowed range",)),
        ("{ lognormal = { median = 0.5, p95 = 1.5 } }", ("the distribution leaves the allowed range",)),
        ("{ beta = { mean = 0.5, sd = 0.9 } }", ("`beta` needs a mean between 0 and 1 and sd²",)),
        ("{ uniform = [0.5] }", ("`uniform` takes 2 rising numbers",)),
        ("{ uniform = [0.5, 0.1] }", ("`uniform` takes 2 rising numbers",)),
        ("{ lognormal = { median = 0.5 } }", ("`lognormal` takes { median = …, p95 = … }",)),
        ("{ value = 0.5, uniform = [0, 1] }", ("give one of value, lognormal",)),
        ("{ vlaue = 0.5 }", ("dilution.vlaue: unknown key in a quantity", "did you mean value?")),
        ('{ value = 0.5, grade = "publishd" }', ("dilution.grade: ", "did you mean published?")),
    ],
)
def test_a_wrong_share_is_refused_with_what_is_allowed(told, dilution, parts):
    one(told(f"[terms.b]\ndilution = {dilution}\n"), "mine.toml:3: terms.b.dilution", *parts)


@pytest.mark.parametrize("step_up", ["0", "10.1", "{ uniform = [5, 15] }", "{ uniform = [0, 5] }"])
def test_tighter_bounds_of_a_field_hold_for_value_and_distribution(told, zone, step_up):
    one(told(f"[terms.b]\nstep_up = {step_up}\n"), "mine.toml:3: terms.b.step_up", "above 0 and at most 10 (ratio)")
    assert zone("[terms.b]\nstep_up = { lognormal = { median = 2, p95 = 9 } }\n")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ('[terms.c]\ndilution = { source = "x" }', (":3: terms.c.dilution.value: this key is missing",)),
        ('[[funds]]\nid = "own"\nsize = "$5m"', (":4: funds.own.size: money is in yuan (CNY), not US dollars",)),
        ('[[funds]]\nid = "own"\nsize = -1', (":4: funds.own.size: must be at least 0 (CNY)",)),
        ('[[funds]]\nid = "x"\nsize = "1元"\nparent = "guidence"', (":5: funds.x.parent: no such", "mean guidance?")),
        ('[terms."A B"]\ndilution = 0.1', (":2: terms.A B: an id is made of small letters",)),
        ("[market]\nrenewal = 3", (":3: market.renewal: a list is needed here",)),
        ('[market]\nbegins = "2020-13"', (":3: market.begins: there is no such day",)),
        ("[market]\nrenewal = [0.1,\n 0.2,\n 1.3]", (":5: market.renewal.2: must lie between",)),
        ("terms.b = 3", (":2: terms.b: a table is needed here",)),
        ("name = { zh = 1, en = 'x' }", (":2: name.zh: a text is needed here",)),
        ("name = { cn = 'x', en = 'x', zh = 'x' }", (":2: name.cn: unknown key",)),
    ],
)
def test_a_mistake_names_its_line_what_was_found_and_what_is_allowed(told, text, parts):
    one(told(text), "mine.toml", *parts)


def test_an_id_that_is_none_is_told(told):
    for text in ('id = "Own fund"', "id = 7", "id = [1]"):
        assert any("an id is made of small letters" in t for t in told(f"[[funds]]\n{text}\nsize = 1\n"))


def test_duplicate_ids_are_refused_with_the_line_of_the_second(told):
    text = '[[funds]]\nid = "x"\nsize = 1\n\n[[funds]]\nid = "x"\nsize = 2\n'
    one(told(text), "mine.toml:7: funds: two items have the same id", "found x")


def test_a_reference_problem_of_a_nested_table_is_told_with_its_whole_path(tmp_path):
    class Step(Table):
        id: Id
        after: str

        @model_validator(mode="after")
        def _refers(self) -> "Step":
            if self.after not in ("reserve", "tutoring"):
                raise reference_problem("after", self.after, ["reserve", "tutoring"], "no such level")
            return self

    class Root(Table):
        steps: list[Step]

    path = tmp_path / "a.toml"
    path.write_text('[[steps]]\nid = "review"\nafter = "tutering"\n', encoding="utf-8")
    with pytest.raises(UserError, match=r'a\.toml:3: steps\.review\.after: no such level .*"tutering".*mean tutoring'):
        load(Root, path)


def test_floors_of_stages_do_not_fall():
    """All shipped scenarios are read by other tests; equal floors are allowed."""
    from sim.errors import in_language
    from sim.scenario import load_scenario

    assert load_scenario(XIAN, ["rounds.stages.b.floor=7000万"]).rounds.stages.b.floor.value == 7e7
    with pytest.raises(UserError) as caught:
        load_scenario(XIAN, ["rounds.stages.b.floor=6000万"])
    (problem,) = caught.value.problems
    assert problem.key == "rounds.stages.b.floor" and "6" in problem.found
    assert "stage before it: rounds.stages.a.floor is 70000000" in problem.message
    assert "低于前一阶段的下限：rounds.stages.a.floor 为 70000000" in in_language(problem.message, "zh")


def test_problems_cross_to_another_process_and_stay_on_one_line():
    error = UserError([Problem("wrong", "a.toml", 3, "b.c", '"x\ny"', "1 or 2", "b.d"), Problem("also")])
    assert pickle.loads(pickle.dumps(error)).problems == error.problems
    assert str(error.problems[0]) == 'a.toml:3: b.c: wrong (found "x y"; expected 1 or 2; did you mean b.d?)'


# ------------------------------------------------------------------------------------------------------- --set


@pytest.mark.parametrize(
    "path", ["terms.a.dilution", "terms.b.dilution", "terms.b.step_up", "market.level.hot", "floor"]
)
@pytest.mark.parametrize("end", ["", ".value"])
def test_set_replaces_a_number_however_it_was_written(zone, path, end):
    q = find_quantity(zone("floor = 3\n", f"{path}{end}=0.3"), path)
    assert (q.value, q.distribution, q.source, q.grade) == (0.3, None, "command line", "assumed")


def test_set_reaches_what_the_files_leave_out(zone):
    sets = ("terms.a.drag=2%", "floor=5", "jobs.value=7", "funds.guidance.flow=-5亿", "market.renewal.0=10%")
    z = zone("", *sets)
    assert (z.terms["a"].drag.value, z.floor.value, z.jobs.value, z.funds[0].flow.value) == (0.02, 5, 7, -5e8)
    assert [x.value for x in z.market.renewal] == [0.1, 0.7]


def test_set_takes_what_toml_takes(zone):
    z = zone("", 'terms.a={ dilution = { uniform = [0.2, 0.4], source = "mine" } }', "market.begins=2021-10")
    assert (z.terms["a"].dilution.distribution.high, z.terms["a"].dilution.source) == (0.4, "mine")
    assert z.market.begins == 2021 * 4 + 3


@pytest.mark.parametrize(
    ("assignment", "parts"),
    [
        ("funds.guidence.size=1", ("no such parameter", "did you mean funds.guidance.size?")),
        ("a.dilution=1", ("no such parameter", "did you mean terms.a.dilution?")),
        ("level.hot=1", ("no such parameter", "did you mean market.level.hot?")),
        ("nowhere=1", ("no such parameter",)),
        ("terms.b.stepup=1", ("--set terms.b.stepup=1: terms.b.stepup: unknown key", "did you mean step_up?")),
        ("terms.b.dilution=50kg", ("--set terms.b.dilution=50kg: terms.b.dilution: 'kg' is not a unit of a share",)),
        ("terms.b.dilution=1.2", ("must lie between 0 and 1",)),
        ("terms.b.dilution", ("--set takes PATH=VALUE",)),
        ("=3", ("--set takes PATH=VALUE",)),
        ("...=3", ("no such parameter",)),
    ],
)
def test_set_of_what_is_not_there_or_not_allowed_is_refused(told, assignment, parts):
    one(told("", assignment), *parts)


def test_all_wrong_assignments_are_told_at_once(told):
    assert len(told("", "funds.guidence.size=1", "nowhere.x=2")) == 2


def test_the_fingerprint_changes_with_what_is_said_and_with_nothing_else(zone):
    bare = zone()
    assert zone("# a comment\n")._fingerprint == bare._fingerprint
    assert zone("", "floor=5")._fingerprint != bare._fingerprint
    assert zone("", "floor=5")._overrides == ("floor=5",)
    assert with_overrides(bare, {"floor": 5})._fingerprint == zone("", "floor=5")._fingerprint


def test_a_scenario_keeps_the_text_of_its_files(zone):
    z = zone("floor = 5\n")
    assert list(z._text_of_files.values()) == [BASE, 'extends = "base.toml"\nfloor = 5\n']
    assert load_tree(z._path).data == z._tree.data


def test_overrides_in_python_are_validated_all_at_once(zone):
    z = zone()
    changed = with_overrides(
        z, {"terms.a.dilution": np.float64(0.25), "terms.b.step_up": "3", "market.level": {"hot": 1}}
    )
    assert (changed.terms["a"].dilution.value, changed.terms["b"].step_up.value) == (0.25, 3)
    assert (changed.market.level.hot.source, changed.market.level.cold.source) == ("command line", "a yearbook")
    assert z.terms["a"].dilution.value == pytest.approx(0.2)
    with pytest.raises(UserError) as caught:
        with_overrides(z, {"nowhere.x": 1, "funds.guidence.size": 2})
    assert len(caught.value.problems) == 2


# -------------------------------------------------------------------------------------------------- lines of keys

AWKWARD = r'''# a comment with "quotes" = 1
top = 1
"quoted.key" = { "in.side" = 1, bare.dotted = [ 1, # one
   { x = 2 } ] }
long = """
a = 1
[no.table]
ends with a quote""""
escaped = "a \" b = [ { #"
literal = 'a \'
when = 2021-10-15 10:00:00
[a . "b.c" . d] # ] comment
key.'x y' = "}"
[[list]]
id = "one"
  [[list.inner]]
  z = [[1, 2],
       [3]]
  [list.inner.deep]
  w = {}
[[list]]
id = "two"
'''


def paths_of(data: Any, above: str = "") -> set[str]:
    steps = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    found = {above} - {""}
    for key, value in steps:
        found |= paths_of(value, f"{above}.{key}" if above else str(key))
    return found


def test_every_key_of_an_awkward_file_has_its_line():
    lines, rows = lines_of(AWKWARD), AWKWARD.splitlines()
    assert set(lines) == paths_of(tomli.loads(AWKWARD))
    wanted = {
        "quoted.key.bare.dotted.1.x": "   { x = 2",
        "escaped": "escaped",
        "when": "when",
        "a.b.c.d.key.x y": "key.",
        "list.0.inner.0.z.1.0": "       [3]",
        "list.0.inner.0.deep.w": "  w",
        "list.1.id": 'id = "two"',
    }
    for path, begin in wanted.items():
        assert rows[lines[path] - 1].startswith(begin), path


KEYS = st.from_regex(r"[a-z]{1,3}", fullmatch=True) | st.sampled_from(["a b", "#", "]", "é", "=", "'"])
LEAVES = st.integers(-(2**62), 2**62) | st.booleans() | st.text("a\"'\\#[]{}=,\n 亿", max_size=8)
VALUES = st.recursive(LEAVES, lambda x: st.lists(x, max_size=3) | st.dictionaries(KEYS, x, max_size=3), max_leaves=8)


def as_toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)} = {as_toml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + "".join(f"\n{as_toml(v)}, # ]" for v in value) + "\n]"
    return json.dumps(value)


@given(st.dictionaries(KEYS, VALUES, max_size=4))
def test_every_key_of_any_file_is_found(data):
    text = "".join(f"{json.dumps(key)} = {as_toml(value)}\r\n" for key, value in data.items())
    assert tomli.loads(text) == data
    assert set(lines_of(text)) == paths_of(data)


@pytest.mark.parametrize("path", SHIPPED, ids=str)
def test_every_key_of_a_shipped_scenario_stands_on_the_line_that_is_named(path):
    text = path.read_text(encoding="utf-8")
    lines, rows = lines_of(text), text.splitlines()
    assert set(lines) == paths_of(tomli.loads(text))
    for key, line in lines.items():
        name = key.rpartition(".")[2]
        assert name.isdigit() or name in rows[line - 1], key


# ----------------------------------------------------------------------------------------------------- JSON Schema


@pytest.fixture(scope="module")
def schema() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(json_schema())


@pytest.mark.slow  # jsonschema takes ten seconds to hold it against the schema of schemas
def test_the_schema_is_one(schema):
    jsonschema.Draft202012Validator.check_schema(schema.schema)


@pytest.mark.parametrize("path", SHIPPED, ids=str)
def test_the_schema_accepts_every_shipped_file(schema, path):
    data = json.loads(json.dumps(tomli.loads(path.read_text(encoding="utf-8")), default=str))
    assert [e.message for e in schema.iter_errors(data)] == []


def test_the_schema_accepts_files_as_people_write_them():
    small = jsonschema.Draft202012Validator(json_schema(Small))
    whole = json.loads(json.dumps(tomli.loads(BASE), default=str))
    for more in (
        {"extends": ["a.toml", "b.toml"], "floor": "5 m2"},
        {"funds": [{"id": "x", "remove": True}], "unicorn": {"value": "$1bn", "source": "x"}},
        {"facts": [{"id": "x", "value": "151亿", "name": {"zh": "甲", "en": "A"}, "use": "check"}]},
        {"terms": {"a": {"source": "x", "grade": "assumed", "note": "y"}}},
    ):
        assert [e.message for e in small.iter_errors(whole | more)] == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"florr": 1},
        {"floor": -1},
        {"floor": True},
        {"terms": {"a": {"dilution": 1.2}}},
        {"terms": {"a": {"step_up": 0}}},
        {"terms": {"a": {"dilution": {"uniform": 3}}}},
        {"facts": [{"id": "X"}]},
        {"facts": [{"use": "chek"}]},
    ],
)
def test_the_schema_underlines_what_loading_would_refuse(wrong):
    assert not jsonschema.Draft202012Validator(json_schema(Small)).is_valid(wrong)


def test_the_schema_says_what_a_key_means():
    assert json_schema(Small)["$defs"]["Terms"]["properties"]["dilution"]["description"] == "share sold"


# ------------------------------------------------------------------------------------------- the shipped scenarios


def variant(folder: Path, text: str, name: str = "mine.toml") -> Path:
    """A file beside which Xi'an stands, extending it."""
    path = folder / name
    path.write_text(f'extends = "{XIAN.resolve()}"\n{text}', encoding="utf-8")
    return path


def problems(path: Path, *sets: str) -> list[str]:
    with pytest.raises(UserError) as caught:
        load_scenario(path, sets)
    return [str(p) for p in caught.value.problems]


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


@pytest.mark.parametrize("path", SCENARIOS, ids=str)
def test_every_shipped_scenario_is_valid(path):
    assert load_scenario(path).metrics


def test_a_missing_key_says_what_it_means_in_both_languages(root, tmp_path):
    zone = tmp_path / "zone.toml"
    zone.write_text(
        f'extends = "{root / "scenarios" / "national.toml"}"\n'
        '[[programmes]]\nid = "own"\nname = "own"\nbegins = "2024Q1"\noutreach = 0.1\n'
    )
    with pytest.raises(UserError) as caught:
        load_scenario(zone)
    (problem,) = caught.value.problems
    assert (problem.line, problem.key) == (2, "programmes.own.peers")
    assert "this key is missing (it means: Bass q" in problem.told("en")
    assert "缺少这个键（含义：" in problem.told("zh")


def test_a_lever_that_is_no_parameter_is_told_with_the_nearest(tmp_path):
    path = tmp_path / "levers.toml"
    base = (ROOT / "scenarios" / "xian.toml").as_posix()
    text = f'extends = "{base}"\n\n[levers."funds.guidance.sze"]\nlow = 1\nhigh = 2\n'
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError) as told:
        load_scenario(path)
    assert "levers.toml:3: levers.funds.guidance.sze: no such parameter" in str(told.value)
    assert "did you mean funds.guidance.size" in str(told.value)


def test_a_lever_goes_with_the_item_that_a_variant_removes(tmp_path):
    path = tmp_path / "without.toml"
    base = (ROOT / "scenarios" / "wuxi.toml").as_posix()
    without = f'''extends = "{base}"

[[programmes]]
id = "listing_support"
remove = true

[[facts]]
id = "wx-policy"
remove = true
'''
    path.write_text(without, encoding="utf-8")
    scenario = load_scenario(path)
    assert not any(name.startswith("programmes.listing_support.") for name in scenario.levers)
    assert set(scenario.levers) < set(load_scenario(ROOT / "scenarios" / "wuxi.toml").levers)
    path.write_text(f'{without}\n[levers."programmes.listing_support.budget"]\nlow = 0\nhigh = 2\n', encoding="utf-8")
    with pytest.raises(
        UserError, match=r"without.toml:11: levers.programmes.listing_support.budget: no such parameter"
    ):
        load_scenario(path)


def test_a_lever_on_a_fact_is_told_that_it_cannot_be_varied(tmp_path):
    path = tmp_path / "levers.toml"
    base = (ROOT / "scenarios" / "xian.toml").as_posix()
    text = f'extends = "{base}"\n\n[levers."facts.xa-hte-2021.value"]\nlow = 1\nhigh = 2\n'
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match="is not a number that can be varied"):
        load_scenario(path)


@pytest.mark.parametrize("size", ["30", '"30"', "{ value = 30 }", '{ lognormal = { median = 30, p95 = "80亿" } }'])
def test_an_amount_without_a_unit_is_asked_for_it(told, size):
    one(told(f'[[funds]]\nid = "own"\nsize = {size}'), "mine.toml:4: funds.own.size: 30 without a unit is in yuan")


@pytest.mark.parametrize("size", ["0", '"30元"', '{ value = 30, unit = "CNY" }', "12345"])
def test_nothing_a_unit_and_a_large_amount_are_no_bare_ones(zone, size):
    assert zone(f'[[funds]]\nid = "own"\nsize = {size}').funds[-1].size.value in (0, 30, 12345)


def test_a_lever_is_refused_where_its_ends_are_reversed_or_lack_their_unit(tmp_path):
    (tmp_path / "x.toml").write_text(
        f'extends = "{XIAN.resolve()}"\n[levers]\n"guidance.reinvestment" = {{ low = 2, high = 2 }}\n'
        '"funds.guidance.size" = { low = 10, high = "100亿" }\n',
        encoding="utf-8",
    )
    with pytest.raises(UserError) as refused:
        load_scenario(tmp_path / "x.toml")
    reversed_, bare = sorted(str(p) for p in refused.value.problems)
    assert ":3: levers.guidance.reinvestment: a lever's low end lies below its high end (found" in reversed_
    assert ":4: levers.funds.guidance.size.low: 10 without a unit is in yuan: write 10亿" in bare


@pytest.mark.parametrize(
    ("path", "low", "high", "ends"),
    [
        ("funds.guidance.invests", '"18m"', '"6年"', (1.5, 6.0)),  # was 18 million
        ("guidance.cap.angel", '"5%"', "0.5", (0.05, 0.5)),
        ("funds.guidance.size", '"6000万"', '{ value = 50, unit = "亿" }', (6e7, 5e9)),
        ("firms.initial.count", '"1.2万"', '"2万家"', (12000.0, 20000.0)),
    ],
)
def test_ends_of_a_lever_are_read_as_numbers_of_their_parameter(tmp_path, path, low, high, ends):
    (tmp_path / "x.toml").write_text(
        f'extends = "{XIAN.resolve()}"\n[levers."{path}"]\nlow = {low}\nhigh = {high}\n', encoding="utf-8"
    )
    lever = load_scenario(tmp_path / "x.toml").levers[path]
    assert (lever.low.value, lever.high.value) == ends


@pytest.mark.parametrize(
    ("path", "low", "told"),
    [
        ("funds.guidance.invests", '"2%"', "'%' is not a unit of time"),
        ("guidance.cap.angel", '"6000万"', "'万' is not a unit of a share"),
        ("funds.guidance.size", '"5%"', "'%' is not a unit of money"),
        ("guidance.reinvestment", '"2y"', "'y' is not a unit of a ratio"),
    ],
)
def test_an_end_of_a_lever_in_another_unit_is_refused_at_its_line(tmp_path, path, low, told):
    high = '"90亿"' if path.endswith("size") else 9
    (problem,) = refused_of(tmp_path, f'[levers."{path}"]\nhigh = {high}\nlow = {low}\n')
    assert f"mine.toml:4: levers.{path}.low: {told}" in problem and f"(found {low})" in problem


def test_a_lever_on_little_money_is_written_with_its_unit(tmp_path):
    lever = '[levers."named.tangjing.rounds.0.amount"]\nlow = {}\nhigh = "2万"\n'
    for low in ('"0.5万"', '"5000元"', "{ value = 0.5, unit = '万' }"):
        (tmp_path / "x.toml").write_text(f'extends = "{XIAN.resolve()}"\n{lever.format(low)}', encoding="utf-8")
        assert load_scenario(tmp_path / "x.toml").levers["named.tangjing.rounds.0.amount"].low.value == 5000
    for low in ("5000", '"5000"', "{ value = 5000 }"):
        (told,) = refused_of(tmp_path, lever.format(low))
        assert "named.tangjing.rounds.0.amount.low: 5000 without a unit is in yuan: write" in told


# --- sizes that no number of a zone has


def _annotations(model, seen=None):
    """Every annotation of a quantity below a table, with where it stands."""
    seen = set() if seen is None else seen
    for name, field in model.model_fields.items():
        for part in (*field.metadata, *_parts(field.annotation)):
            if isinstance(part, Kind):
                yield f"{model.__name__}.{name}", part
        inner = [field.annotation]
        while inner:
            held = inner.pop()
            inner += typing.get_args(held)
            if isinstance(held, type) and issubclass(held, Table) and held not in seen:
                seen.add(held)
                yield from _annotations(held, seen)


def test_every_number_has_a_size_beyond_which_it_is_a_slip():
    """1e308 overflows in the first product: it passed `check` and ended a run in accounts that do not close."""
    kinds = dict(_annotations(Scenario))
    assert len(kinds) > 250
    endless = {where for where, kind in kinds.items() if not math.isfinite(kind.allowed.le) and kind.unit != "years"}
    assert endless == set()  # a duration beyond any is as long as the longest
    assert all(kind.allowed.ge >= -1e15 for kind in kinds.values())


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("exits.sale_spread=1e308", "must lie between 0 and 3 (ratio)"),
        ("market.level.hot=300000", "must lie between -20 and 20 (number)"),
        ("firms.growth.mature=1e30", "must lie between -5 and 5 (per year)"),
        ("funds.guidance.size=1e30", "must lie between 0 and 1e+15 (CNY)"),
        ("firms.initial.count=1e30", "must lie between 0 and 1e+12 (count)"),
        ("fund_park.per_year=1e12", "fund_park.per_year: at most 100,000 a year"),
        ("attraction.offers_per_year=1e9", "attraction.offers_per_year: at most 100,000 a year"),
        ("exits.sale_price=1e30", "must lie between 0 and 1e+06 (ratio)"),
        ("exits.sale_price={ lognormal = { median = 1e-300, p95 = 1 } }", "at most 10,000 times its median"),
    ],
)
def test_an_absurd_size_is_refused_with_what_would_be_right(setting, words):
    with pytest.raises(UserError) as refused:
        load_scenario(XIAN, overrides=[setting])
    assert words in str(refused.value)


# --- what is said of an item in a file that extends another


def refused_of(tmp_path: Path, text: str, base: str = "xian") -> list[str]:
    path = tmp_path / "mine.toml"
    path.write_text(f'extends = "{(ROOT / "scenarios" / base).as_posix()}.toml"\n{text}', encoding="utf-8")
    with pytest.raises(UserError) as refused:
        load_scenario(path)
    return [str(problem) for problem in refused.value.problems]


SECOND = """
[[funds]]
id = "mine"
name = "mine"
kind = "guidance"
count = 1
size = "30亿"
opens = "2022Q1"
invests = "6y"
life = "15y"
fee = 0
fee_after = 0
hurdle = 0
carry = 0
catch_up = 0
local = 0
follow_on = 0
"""


def test_a_second_guidance_fund_is_told_at_its_own_line_and_the_remedy_works(tmp_path):
    (text,) = refused_of(tmp_path, SECOND)
    assert "mine.toml:4: funds.mine.id: no other guidance fund stands beside one with the id guidance" in text
    assert "remove that one (remove = true) and state it under an id of its own" in text
    subs = "".join(f'[[funds]]\nid = "{x}"\nparent = "mine"\n' for x in ("angel", "venture", "industry"))
    anew = SECOND.replace('"mine"', '"first"')
    text = (tmp_path / "mine.toml").read_text(encoding="utf-8")
    text += f'{anew}\n[[funds]]\nid = "guidance"\nremove = true\n{subs}'
    (tmp_path / "mine.toml").write_text(text, encoding="utf-8")
    scenario = load_scenario(tmp_path / "mine.toml")
    assert [c.id for c in scenario.funds if c.kind == "guidance"] == ["mine", "first"]
    assert "funds.guidance.size" not in scenario.levers


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (SECOND + "size_spread = 0.3", ":19: funds.mine.size_spread: a fund of kind guidance has no use for this key"),
        ('[[funds]]\nid = "angel"\nsize = "3亿"', ":4: funds.angel.size: a fund of kind sub-fund has no use for"),
        ('[[funds]]\nid = "market_early"\nplan = 0.1', ":4: funds.market_early.plan: a fund of kind market has no use"),
        (
            '[[funds]]\nid = "angel"\ncommitted = "1亿"\nsize = "3亿"\nopens = "2019Q1"\npublic = true',
            ":7: funds.angel.public: a sub-fund that has closed has no use for this key (found true)",
        ),
        ('[[funds]]\nid = "direct"\ncount = 3', ":4: funds.direct.count: this is one fund: state each in a [[funds]]"),
    ],
)
def test_a_key_that_a_fund_of_its_kind_would_pass_over_is_refused(tmp_path, text, said):
    assert any(said in problem for problem in refused_of(tmp_path, text))


@pytest.mark.parametrize("count", ["2.5", '"2.5只"', '{ value = 2.5, source = "x" }'])
def test_a_part_of_a_fund_is_refused_and_a_continuous_spread_is_not(tmp_path, count):
    """2.5 venture funds were two, and nothing said so."""
    fund = '[[funds]]\nid = "venture"\ncount = {}\n'
    (text,) = refused_of(tmp_path, fund.format(count))
    assert "mine.toml:4: funds.venture.count: a whole number is needed here (found 2.5)" in text
    (tmp_path / "mine.toml").write_text(
        f'extends = "{XIAN.resolve()}"\n{fund.format("{ uniform = [1.5, 4.5] }")}', encoding="utf-8"
    )
    spread = load_scenario(tmp_path / "mine.toml")
    assert with_overrides(spread, {"funds.venture.count": 1.5}).funds  # an end of it, as `sweep` tries it
    with pytest.raises(UserError, match="a whole number is needed here"):
        with_overrides(spread, {"funds.venture.count": "1.5"})


def test_a_certificate_among_conditions_is_told_where_it_is_said(tmp_path):
    """A list of accounts, cut off, said nothing of `level`."""
    programme = '[[programmes]]\nid = "x"\neligible = [{ certificates = "hte" }]\n'
    said = [text for text in refused_of(tmp_path, programme) if "eligible" in text]
    assert len(said) == 1 and 'expected level = "certificates.hte"' in said[0]
    assert "which certificate a firm must hold is said beside `eligible`" in said[0]
    dotted = refused_of(tmp_path, programme.replace('"hte"', '"certificates.hte"'))
    assert any('expected level = "certificates.hte"' in text for text in dotted)
    for ladder, level, requires in (("certificates", "champion", "hte"), ("listing", "reserve", "certificates.hte")):
        for value in ("hte", "certificates.hte"):
            rule = f'[[ladders.{ladder}.levels.{level}.conditions]]\ncertificates = "{value}"\n'
            (text,) = (x for x in refused_of(tmp_path, rule) if ".conditions" in x)
            assert f'expected requires = "{requires}"' in text and "said beside `conditions`" in text
            assert "eligible" not in text
    unknown = refused_of(tmp_path, programme.replace('"hte"', '"htee"'))
    assert any("certificates: unknown key" in text for text in unknown)


def test_a_misspelt_id_of_an_item_is_told_once_with_the_nearest(tmp_path):
    (text,) = refused_of(tmp_path, '[[funds]]\nid = "angle"\nplan = 0.3\n')
    assert "mine.toml:3: funds.angle: no file that this one extends has this item" in text
    assert "a new item lacks these keys: name, kind, count" in text and "did you mean angel?" in text


def test_a_fact_of_a_metric_with_another_beginning_is_told_the_one_with_its_ending(tmp_path):
    fact = '[[facts]]\nid = "x"\nmetric = "firms.unicorns"\ndate = "2026Q4"\nvalue = 4\nuse = "check"\n'
    (text,) = refused_of(tmp_path, fact)
    assert "did you mean valuation.unicorns?" in text


def test_a_fact_in_money_is_asked_for_its_unit(tmp_path):
    fact = '[[facts]]\nid = "x"\nmetric = "valuation.total"\ndate = "2026Q4"\nvalue = 151\nuse = "check"\n'
    assert any("facts.x.value: 151 without a unit is in yuan" in text for text in refused_of(tmp_path, fact))


def test_a_fact_of_another_kind_than_its_metric_is_refused_where_it_stands(tmp_path):
    """A count of 7.7 billion listed firms and a year's output of 3300 yuan were valid, and scored."""
    wrong = {
        'metric = "firms.listed"\nvalue = "77亿"': "'亿' is taken for money, and this counts: say what it counts",
        'metric = "firms.listed"\nvalue = -46': "a count is not below 0",
        'metric = "firms.listed"\nvalue = "25%"': "'%' does not count anything; write a count as 70",
        'metric = "output.year"\nvalue = "3300家"': "'家' is not a unit of money; write money as 50亿",
        'metric = "output.year"\nvalue = 3300\nunit = "家"': "'家' is not a unit of money",
        'metric = "output.year"\nvalue = "25%"': "'%' is not a unit of money",
        'metric = "public.net_cost_pv"\nvalue = -3': "-3 without a unit is in yuan: write -3亿",
        'metric = "guidance.loss"\nvalue = 25': "25 without a % is 2500%: write 25% / 2500%",
        'metric = "guidance.loss"\nvalue = "25家"': "'家' is not a unit of a share; write a share as 0.2",
        'metric = "funds.guidance.tvpi"\nvalue = "2亿"': "'亿' is not a unit of a ratio",
        'metric = "listing.age.mean"\nvalue = "18m"': "'18m' is not understood; write a number of years as 7",
    }
    text = "".join(f'[[facts]]\nid = "x{k}"\n{x}\ndate = "2026Q4"\nuse = "goal"\n' for k, x in enumerate(wrong))
    told = refused_of(tmp_path, text)
    assert len(told) == len(wrong)
    for k, said in enumerate(wrong.values()):
        (problem,) = (x for x in told if f"facts.x{k}.value: " in x)
        line = 2 + text[: text.index(f'id = "x{k}"')].count("\n") + 2
        assert f"mine.toml:{line}: " in problem and said in problem, problem


def test_a_fact_about_a_change_may_be_below_0(tmp_path):
    fact = (
        '[[facts]]\nid = "x"\nmetric = "firms.alive"\nsince = "2022Q4"\ndate = "2023Q4"\nvalue = -46\nuse = "check"\n'
    )
    (tmp_path / "mine.toml").write_text(f'extends = "{XIAN.resolve()}"\n{fact}', encoding="utf-8")
    assert load_scenario(tmp_path / "mine.toml").facts[-1].value == -46


def test_a_class_of_sub_funds_without_a_cap_is_told_at_its_mandate(tmp_path):
    fund = (
        '[[funds]]\nid = "own"\nkind = "sub-fund"\nparent = "guidance"\nname = { zh = "自", en = "own" }\ncount = 2\n'
    )
    fund += 'invests = "4y"\nlife = "7y"\nfee = 0.02\nfee_after = 0.02\nhurdle = 0.08\ncarry = 0.2\ncatch_up = 1.0\n'
    fund += "local = 0.6\nfollow_on = 0.0\n"
    assert any("funds.own.mandate: a sub-fund class needs a contribution cap" in x for x in refused_of(tmp_path, fund))


def test_a_fact_is_written_as_people_write_it(tmp_path):
    right = {"jobs.total": '"7.3亿人"', "firms.alive": '"46.3万家"', "firms.listed": '"46户"', "firms.ever": "8900",
             "output.year": '"3100亿元"', "guidance.loss": '"25%"', "guidance.breach": "0.25",
             "funds.guidance.tvpi": '"1.5倍"', "listing.age.mean": "7"}  # fmt: skip
    fact = '[[facts]]\nid = "x{}"\nmetric = "{}"\nvalue = {}\ndate = "2026Q4"\nuse = "check"\n'
    text = "".join(fact.format(k, *x) for k, x in enumerate(right.items()))
    (tmp_path / "mine.toml").write_text(f'extends = "{XIAN.resolve()}"\n{text}', encoding="utf-8")
    facts = {fact.metric: fact.value for fact in load_scenario(tmp_path / "mine.toml").facts if fact.id[0] == "x"}
    assert [facts[metric] for metric in right] == [7.3e8, 463_000, 46, 8900, 3.1e11, 0.25, 0.25, 1.5, 7]


def test_a_sum_over_items_is_told_at_the_item_of_ones_own_file_and_rounded(tmp_path):
    (text,) = refused_of(tmp_path, '[[funds]]\nid = "venture"\nplan = 0.85\n')
    assert "mine.toml:4: funds.venture.plan: the plans of the sub-fund classes of guidance sum to 1.5, above 1" in text
    assert "found" not in text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[guidance]\nreserve = 0.1\nasks = 0.3\nreserve = 0.2\n", ":5: guidance.reserve: is stated twice: on line 3"),
        ("[guidance]\nasks = 0.3\n[run]\nseed = 2\n[guidance]\n", ":6: guidance: is stated twice: on line 2"),
        ('[[funds]]\nid = "angel"\nname = { zh = "a", zh = "b" }\n', ":4: funds.0.name.zh: is stated twice: on line 4"),
    ],
)
def test_a_key_that_is_stated_twice_is_named_with_both_lines(tmp_path, text, said):
    assert said in refused_of(tmp_path, text)[0]
