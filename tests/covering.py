"""Which lines of the kernel any test reaches: `make coverage`. Compiled code leaves no trace, so the
kernel is interpreted.

Lives a small world of every kind of scenario that is shipped, its accounts audited, and runs the tests of the exact
pieces; then prints for each file of sim/model, sim/finance and sim/accounts.py how much of it ran and which lines did
not. Minutes, not seconds: plain Python is some hundred times slower than the kernel.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np

    from sim.scenario.document import Scenario

ROOT = Path(__file__).resolve().parent.parent
EXACT = [
    "tests/test_accounts.py",
    "tests/test_model.py::test_poisson_has_its_mean_and_variance_on_both_branches",
    "tests/test_finance_payoff.py",
    "tests/test_finance_pieces.py",
    "tests/test_finance_returns.py",
    "tests/test_finance_waterfall.py",
]
ENTRY = ("organic.per_year=16", "incubator.per_year=6")
WORLDS = (
    "xian",
    "tianjin",
    "changsha",
    "wuxi",
    "xiamen",
    "policies/grant-to-equity",
    "policies/attraction-reward",
    "policies/rent-relief",
    "policies/rd-super-deduction",
    "us",
    "china",
)
STRICT = (
    *("guidance.least_close=0.9", "guidance.plan_spread=1.5", "ladders.certificates.levels.hte.quota=1"),
    *("ladders.listing.levels.approved.passes.normal=0.3", "ladders.listing.levels.in_review.initial=12"),
)
FIRMS, YEARS = 60, 7
# What runs compiled only (a world handed over as a pointer, one program made of many) or in plain Python before a world
# begins; tests/test_compiled.py and those of the scenario language are of them.
IN_PYTHON = ("table", "whole", "quick", "rows", "metrics", "limits")


def live_small_worlds(firms: int, years: int) -> None:
    from tests.test_funds import TERMS

    for name in WORLDS:
        live_one(name, firms, years, [])
    print("  xian, every term of a fund at once, until its funds have ended", flush=True)
    live_one("xian", firms, 2 * years + 3, [x for name, sets in TERMS.items() if name != "no clawback" for x in sets])
    live_one("xian", firms, years, list(STRICT))
    with tempfile.TemporaryDirectory() as folder:
        live_portfolios(Path(folder), firms)
        live_in_little_room(Path(folder))


def live_one(name: str, firms: int, years: int, more: list[str]) -> None:
    from sim.scenario import load_scenario

    file = f"scenarios/{name}.toml"
    start = load_scenario(file).zone.start
    sizes = [f"firms.initial.count={firms}", *(f"firms.entry.{each}" for each in ENTRY), "facts=[]"]
    sizes += [f'zone.end="{start // 4 + years}Q4"', f'zone.today="{start // 4 + 1}Q1"']
    ladder = [f"ladders.listing.levels.{level}.initial=2" for level in ("listed", "reserve", "reserve_provincial")]
    live(name, load_scenario(file, [*sizes, *ladder, *more]))


def live_portfolios(folder: Path, firms: int) -> None:
    """Zones that start from a portfolio: books of funds, known rounds and holdings; funds that follow a pacing."""
    from tests import test_books as books
    from tests.portfolios import drawn, example

    few = [f"firms.initial.count={firms}"]
    for terms, sets in books.TERMS.items():
        live(f"a portfolio, {terms}", books.imported(folder, drawn(6, 14, seed=4), *few, *sets))
    late = books.imported(folder, drawn(6, 14, seed=4), *few, 'funds.fund-2.fee_base="invested"')
    live("a portfolio with any books", late, 10, books.any_books(late, 10))
    sheets = example()
    for holding in sheets["holdings"]:
        holding["value"] = 1.0
    live("a portfolio below the last prices", books.imported(folder, sheets, *few))
    sheets["holdings"].append({"firm": "eg-gene", "fund": "eg-venture", "cost": 900, "share": 0.06})
    live("a portfolio with ordinary shares", books.imported(folder, sheets, *few))
    short = 'zone.end="2022Q4"'
    live("a paced sub-fund", books.abroad(folder, "sub-fund", books.PART, "2016Q4", *few, short))
    live("a paced market fund", books.abroad(folder, "market", 'every = "3y"', "2016Q4", *few, short))


def live_in_little_room(folder: Path) -> None:
    """Every table is full at some time, and the world is lived again with more room. Among them one with an incubator
    at which a hundred times as many ask for a place as it has."""
    import numpy as np

    from sim.ensemble import Worlds
    from sim.model.rows import Rows
    from sim.model.rules import lower
    from sim.scenario import load_scenario
    from tests import audited, test_books
    from tests.portfolios import drawn

    (folder / "zone.toml").write_text(audited.ZONE.replace("per_year = 40", "per_year = 1500"), encoding="utf-8")
    for scenario in (load_scenario(folder / "zone.toml"), test_books.imported(folder, drawn(6, 14, seed=4))):
        print(f"  {scenario.zone.name.en}, in little room", flush=True)
        rules = lower(scenario, Rows(3, np.arange(1)))
        for table in ("firms", "ventures", "holdings", "funds"):
            for least in (1, 20, 48, 90):
                worlds = Worlds(scenario, rules, 3, audit=True)
                worlds.room = worlds.room._replace(**{table: least, "quarters": 3})
                worlds.live(0, 0)


def live(name: str, scenario: Scenario, worlds: int = 1, overrides: Mapping[str, np.ndarray] | None = None) -> None:
    from sim.ensemble import simulate

    print(f"  {name}", flush=True)
    simulate(scenario, worlds, 3, 1, events=1, audit=True, overrides=overrides)


def main(firms: int, years: int, least: float) -> int:
    import coverage

    watched = coverage.Coverage(
        source=[str(ROOT / "sim/model"), str(ROOT / "sim/finance")],
        omit=["*/parameters.py", *(f"*/sim/model/{name}.py" for name in IN_PYTHON)],
        data_file=None,
        branch=False,
    )
    os.chdir(ROOT)
    sys.path.insert(0, str(ROOT))
    warnings.simplefilter("ignore")
    watched.start()
    import pytest

    print("small worlds, interpreted:", flush=True)
    live_small_worlds(firms, years)
    failed = pytest.main(["-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-W", "ignore", *EXACT])
    watched.stop()
    reached = watched.report(show_missing=True, skip_covered=True, precision=1)
    print(f"{reached:.1f} % of the lines of the kernel (sim/model, sim/finance) were run")
    return 1 if failed or reached < least else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--firms", type=int, default=FIRMS)
    parser.add_argument("--years", type=int, default=YEARS)
    parser.add_argument("--least", type=float, default=0.0, help="percentage below which the command fails")
    asked = parser.parse_args()
    if os.environ.get("NUMBA_DISABLE_JIT") != "1":  # has to be set before numba is imported
        os.environ["NUMBA_DISABLE_JIT"] = "1"
        os.execv(sys.executable, [sys.executable, "-W", "ignore", "-m", "tests.covering", *sys.argv[1:]])
    sys.exit(main(asked.firms, asked.years, asked.least))
