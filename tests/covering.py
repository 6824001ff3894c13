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
import warnings
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
EXACT = [
    "tests/test_accounts.py",
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
    "us",
)
FIRMS, YEARS = 60, 7


def live_small_worlds(firms: int, years: int) -> None:
    from tests.test_funds import TERMS

    for name in WORLDS:
        live_one(name, firms, years, [])
    print("  xian, every term of a fund at once, until its funds have ended", flush=True)
    live_one("xian", firms, 2 * years + 3, [x for name, sets in TERMS.items() if name != "no clawback" for x in sets])


def live_one(name: str, firms: int, years: int, more: list[str]) -> None:
    from sim.ensemble import simulate
    from sim.scenario import load_scenario

    file = f"scenarios/{name}.toml"
    print(f"  {name}", flush=True)
    start = load_scenario(file).zone.start
    sizes = [f"firms.initial.count={firms}", *(f"firms.entry.{each}" for each in ENTRY), "facts=[]"]
    sizes += [f'zone.end="{start // 4 + years}Q4"', f'zone.today="{start // 4 + 1}Q1"']
    ladder = [f"ladders.listing.levels.{level}.initial=2" for level in ("listed", "reserve", "reserve_provincial")]
    simulate(load_scenario(file, [*sizes, *ladder, *more]), 1, 3, 1, events=1, audit=True)


def main(firms: int, years: int, least: float) -> int:
    import coverage

    watched = coverage.Coverage(
        source=[str(ROOT / "sim/model"), str(ROOT / "sim/finance")],
        omit=["*/parameters.py"],
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
    print(f"{reached:.1f} % of the lines of sim/model and sim/finance were run")
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
