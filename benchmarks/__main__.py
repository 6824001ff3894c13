"""`make benchmark`: Headwater beside its peers, how its cost grows, and what a large zone takes, as ratios.

Prints a page and keeps it with the figure in --out (results/benchmarks/). --quick: one pass of everything, about a
minute, for a look; its ratios are rougher. What is short of its aim is said at the end; nothing fails for it, since
machines differ.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path
from typing import Any

from benchmarks import growth, million
from benchmarks.peers import side_by_side as peers
from benchmarks.peers import vc_fund

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = 40  # replications of the reference run
VC_RATIO = 100.0  # what is aimed at, per simulated company
REFERENCE_AIM = 10.0  # ns a firm-quarter, all included, two threads


def processor() -> str:
    names = [line.split(":", 1)[1].strip() for line in _cpuinfo() if line.startswith("model name")]
    return f"{names[0] if names else platform.processor() or platform.machine()}, {os.cpu_count()} cores"


def _cpuinfo() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.exists() else []


def load() -> str:
    """How busy the machine is besides, which is what ratios suffer from first."""
    one = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    return f"load {one:.1f} at the start" + ("; other work was running: ratios are rough" if one > 0.7 else "")


NO_CAP_TABLES = ("firms.entry.organic.venture_share=0", "firms.entry.incubator.venture_share=0", "facts=[]")


def without_cap_tables(path: str) -> Any:
    """The scenario where no firm seeks equity finance, without its funds and named firms (and the levers on them)."""
    from sim.scenario import load_scenario

    whole = load_scenario(path)
    gone = [("funds", c.id) for c in whole.funds] + [("named", firm.id) for firm in whole.named]
    text = f'extends = "{Path(path).resolve().as_posix()}"\n'
    text += "".join(f'[[{table}]]\nid = "{name}"\nremove = true\n' for table, name in gone)
    with tempfile.TemporaryDirectory() as folder:
        child = Path(folder) / "bare.toml"
        child.write_text(text, encoding="utf-8")
        return load_scenario(child, NO_CAP_TABLES)


def reference(rounds: int) -> tuple[list[str], list[str]]:
    """Every rule of Xi'an, on one thread and on two; then with no firm that seeks equity finance and no fund, so that
    the cost of a firm that has a cap table stands apart from that of one that has none."""
    from sim.ensemble import simulate
    from sim.scenario import load_scenario

    zones = {"all": load_scenario("scenarios/xian.toml"), "bare": without_cap_tables("scenarios/xian.toml")}
    cost: dict[tuple[str, int], list[float]] = {(zone, threads): [] for zone in zones for threads in (1, 2)}
    share = 0.0
    for scenario in zones.values():
        simulate(scenario, replications=2, threads=1, events=0)
    for _ in range(rounds):
        for zone, threads in cost:
            done = simulate(zones[zone], replications=REFERENCE, threads=threads, events=0)
            cost[zone, threads].append(done.manifest["ns_per_firm_quarter"])
            if zone == "all":
                share = float(done["firms.venture"].sum() / done["firms.alive"].sum())
    (one, two), (bare, bare_two) = ([min(cost[zone, threads]) for threads in (1, 2)] for zone in zones)
    out = [
        f"{one:.1f} ns a firm-quarter on one thread, {two:.1f} on two ({one / two:.2f} times as fast)",
        f"without cap tables and funds: {bare:.1f} and {bare_two:.1f}; a venture ({share:.1%} of firms) with all that"
        f" is held of it takes {(one - bare) / share:.0f} ns a quarter more on one thread",
    ]
    off = (
        [] if two <= REFERENCE_AIM else [f"reference run: {two:.1f} ns on two threads, the aim is {REFERENCE_AIM:.0f}"]
    )
    return out, off


def vc_lines(funds: int) -> tuple[list[str], list[str]]:
    found, recorded = vc_fund.compare(funds), vc_fund.theirs()
    out, off = [], []
    for strategy, result in found.items():
        worst = max(result["means"], key=lambda name: abs(result["means"][name][4]))
        z = abs(result["means"][worst][4])
        agrees = "agrees" if z <= peers.WORST else "DOES NOT AGREE"
        theirs = recorded[strategy]["us_a_company"]
        out.append(
            f"vc-fund-sim {strategy:10} {theirs:6.1f} µs a company (recorded), ours {result['ns_a_company']:.0f} ns:"
            f" {result['ratio']:.0f} times   {agrees}: {worst} {z:.1f}"
        )
        for name, (mean, error, other, its, _) in result["means"].items():
            out.append(f"    {name:18} ours {mean:9.4f} ± {error:.4f}   theirs {other:9.4f} ± {its:.4f}")
        if result["ratio"] < VC_RATIO:
            off.append(f"vc-fund-sim {strategy}: {result['ratio']:.0f} times, the aim is {VC_RATIO:.0f}")
    return out, off


def million_lines() -> tuple[list[str], list[str]]:
    done = subprocess.run([sys.executable, "-m", "benchmarks.million"], capture_output=True, text=True, cwd=ROOT)
    if done.returncode != 0:
        return [f"failed: {done.stderr.strip().splitlines()[-1]}"], ["a million firms: the run failed"]
    x = json.loads(done.stdout)
    out = [
        f"{x['firms_at_end']:,.0f} firms at the end, {x['firm_quarters'] / 1e6:.0f} million firm-quarters:"
        f" {x['seconds']:.1f} s, peak {x['peak_mb']:,.0f} MB (the program alone {x['program_mb']:.0f} MB)"
    ]
    aim = million.AIM_MB
    return out, [] if x["peak_mb"] <= aim else [f"a million firms: {x['peak_mb']:,.0f} MB, the aim is {aim:,.0f}"]


def main(quick: bool, out: Path) -> None:
    from sim import store

    rounds = 1 if quick else 3
    began = time.perf_counter()
    page = [f"# Benchmarks, {date.today()}", "", f"{processor()}; Python {platform.python_version()}; {load()}.", ""]
    off: list[str] = []

    def section(title: str, lines: list[str], short: list[str]) -> None:
        block = [f"## {title}", "", "```", *lines, "```", ""]
        page.extend(block)
        off.extend(short)
        print("\n".join(block), flush=True)

    print("\n".join(page), flush=True)
    found = peers.side_by_side(rounds, quick)
    section("The same rules in other tools, one core each (the yardstick)", peers.lines(found), peers.verdicts(found))
    section("vc-fund-sim's model", *vc_lines(20_000 if quick else 100_000))
    section("The reference run: every rule of Xi'an", *reference(rounds))
    grown = growth.measure(1 if quick else 5)
    section("How cost grows", grown.lines(), grown.verdicts())
    section("A million firms, forty quarters, every rule of Xi'an", *million_lines())
    section("Short of its aim", off or ["nothing"], [])
    figure = growth.draw(out / "growth.png", grown)
    store.write_text(out / "README.md", "\n".join([*page, "![how cost grows](growth.png)", ""]))
    print(f"{out / 'README.md'} and {figure}, {time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one pass of everything")
    parser.add_argument("--out", type=Path, default=Path("results/benchmarks"))
    asked = parser.parse_args()
    main(asked.quick, asked.out)
