"""The yardstick in Headwater and in every peer that is installed: time, memory, ratios, and whether the means agree.

Every program lives the same rules on one core in a process of its own, in processor time (Headwater on two threads:
time by the clock); passes over the programs are interleaved and the median of each is taken. NumPy runs in Headwater's
own environment; Mesa, mesa-frames and JAX in one of theirs.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers.rules import SCENARIO, numbers

ROOT = Path(__file__).resolve().parent.parent.parent
OWN = ROOT / ".venv-peers"
HOW = f"python3 -m venv {OWN.name} && {OWN.name}/bin/pip install -r benchmarks/peers/requirements.txt"
ONE_THREAD = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "POLARS_MAX_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false",
}
WORST = 4.0  # joint standard errors by which one of some sixteen means may be off
LIMIT = 150.0  # seconds a peer may take


@dataclass(frozen=True)
class Peer:
    name: str
    module: str
    needs: str  # what must be importable; "" for what Headwater's own environment has
    replications: int
    least_ratio: float | None = None  # what Headwater aims at


PEERS = (
    Peer("numpy", "numpy_peer", "", 8, 15.0),
    Peer("mesa", "mesa_peer", "mesa", 1, 300.0),
    Peer("mesa-frames", "mesa_frames_peer", "mesa_frames", 1),
    Peer("jax", "jax_peer", "jax", 6),
)


def python_for(peer: Peer) -> str | None:
    """The interpreter that has what the peer needs, or None. HEADWATER_PEERS names another one."""
    if not peer.needs:
        return sys.executable
    for python in (os.environ.get("HEADWATER_PEERS", ""), str(OWN / "bin" / "python")):
        if python and Path(python).exists():
            tried = subprocess.run([python, "-c", f"import {peer.needs}"], capture_output=True)
            if tried.returncode == 0:
                return python
    return None


def _first_core() -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def _output(command: list[str], one_core: bool = True) -> dict[str, Any]:
    environment = os.environ | (ONE_THREAD if one_core else {})
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=environment,
        timeout=LIMIT,
        preexec_fn=_first_core if one_core else None,
    )
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "it said nothing")
    return json.loads(done.stdout.splitlines()[-1])


def ask_peer(peer: Peer, python: str, rules: Path, replications: int, seed: int) -> dict[str, Any]:
    words = ["-m", f"benchmarks.peers.{peer.module}", str(rules), "--replications", str(replications)]
    return _output([python, *words, "--seed", str(seed)])


def ours(replications: int, threads: int) -> dict[str, Any]:
    """Headwater on the yardstick, in this process."""
    from benchmarks.peers.common import memory_mb
    from sim.ensemble import simulate
    from sim.scenario import load_scenario

    scenario = load_scenario(SCENARIO)
    empty = memory_mb()
    simulate(scenario, 1, 1, threads, events=0)
    began = time.process_time()
    done = simulate(scenario, replications, 2, threads, events=0)
    spent = time.process_time() - began
    levels = [level["name"] for level in numbers()["levels"]]
    worlds = {name: done[metric][:, -1] for name, metric in LAST.items()}
    worlds |= {name: done[f"ladder.{name}"][:, -1] for name in levels}
    for what in ("count", "raised"):
        each = [m.name for m in done.metrics if m.name.startswith(f"rounds.{what}.") and not m.name.endswith("total")]
        worlds["rounds" if what == "count" else "raised"] = sum(done[name].sum(axis=1) for name in each)
    worlds["firm_quarters"] = done["firms.alive"].sum(axis=1)
    ns = 1e9 * spent / done.manifest["firm_quarters"] if threads == 1 else done.manifest["ns_per_firm_quarter"]
    return {
        "ns": ns,
        "memory_mb": memory_mb(),
        "memory_before_mb": empty,
        "means": {name: [float(np.mean(x)), float(np.std(x, ddof=1))] for name, x in worlds.items()},  # sd, not error
        "replications": replications,
    }


LAST = {
    "alive": "firms.alive",
    "entered": "firms.entered",
    "output": "output.total",
    "jobs": "jobs.total",
    "post_money": "valuation.post_money.total",
}


def ask_headwater(replications: int, threads: int) -> dict[str, Any]:
    words = ["-m", "benchmarks.peers.side_by_side", "--replications", str(replications), "--threads", str(threads)]
    return _output([sys.executable, *words], one_core=threads == 1)


def distance(own: dict[str, Any], peer: dict[str, Any]) -> tuple[str, float]:
    """The quantity whose mean differs most from ours, and by how many joint standard errors. The spread between worlds
    is taken from our many worlds, since a slow peer lives few."""
    worst, most = "", 0.0
    for name, (mean, sd) in own["means"].items():
        error = sd * np.sqrt(1.0 / own["replications"] + 1.0 / peer["replications"])
        if error > 0.0:
            z = abs(peer["means"][name][0] - mean) / error
            if z > most:
                worst, most = name, float(z)
    return worst, most


def side_by_side(rounds: int = 3, quick: bool = False) -> dict[str, Any]:
    """Measures all; returns {"ours": {1: …, 2: …}, "peers": {name: …}, "missing": {name: why}}."""
    there = {peer: python_for(peer) for peer in PEERS}
    missing = {peer.name: "not installed" for peer, python in there.items() if python is None}
    own: dict[int, list] = {1: [], 2: []}
    taken: dict[str, list] = {peer.name: [] for peer, python in there.items() if python is not None}
    with tempfile.TemporaryDirectory() as folder:
        rules = Path(folder) / "rules.json"
        rules.write_text(json.dumps(numbers()))
        for k in range(1 if quick else rounds):
            for threads in own:
                own[threads].append(ask_headwater(10 if quick else 30, threads))
            for peer, python in there.items():
                if python is None or peer.name in missing or (k > 0 and peer.replications == 1):
                    continue  # a peer that takes long is asked once
                try:
                    few = max(1, peer.replications // (2 if quick else 1))
                    taken[peer.name].append(ask_peer(peer, python, rules, few, 100 + 50 * k))
                except (RuntimeError, subprocess.TimeoutExpired, ValueError) as error:
                    missing[peer.name] = f"failed: {error}"
    middle = {threads: _middle(runs) for threads, runs in own.items()}
    return {
        "ours": middle,
        "peers": {name: _middle(runs) for name, runs in taken.items() if runs},
        "missing": missing,
    }


def _middle(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """The run of the median time."""
    return sorted(runs, key=lambda run: run["ns"])[len(runs) // 2]


def lines(found: dict[str, Any]) -> list[str]:
    """The table, one line a program."""
    one, two = found["ours"][1], found["ours"][2]
    out = [
        f"{'program':34}{'ns a firm-quarter':>18}{'/ ours':>9}{'aim':>7}{'peak MB':>9}   furthest mean, standard errors"
    ]
    out.append(f"{'Headwater, one thread':34}{one['ns']:18.1f}{1:9.2f}{'':7}{one['memory_mb']:9.0f}")
    out.append(
        f"{'Headwater, two threads':34}{two['ns']:18.1f}{two['ns'] / one['ns']:9.2f}{'':7}{two['memory_mb']:9.0f}"
    )
    for peer in PEERS:
        if peer.name in found["missing"]:
            out.append(f"{peer.name:34}{found['missing'][peer.name]}; to install it: {HOW}")
            continue
        run = found["peers"][peer.name]
        name, z = distance(one, run)
        aim = f"{peer.least_ratio:.0f}" if peer.least_ratio is not None else ""
        agrees = "agrees" if z <= WORST else "DOES NOT AGREE"
        label = f"{peer.name} ({run['version']})"[:34]
        ratio = run["ns"] / one["ns"]
        out.append(f"{label:34}{run['ns']:18.0f}{ratio:9.1f}{aim:>7}{run['memory_mb']:9.0f}   {agrees}: {name} {z:.1f}")
    return out


def verdicts(found: dict[str, Any]) -> list[str]:
    """What is short of its aim, and by how much."""
    out = []
    for peer in PEERS:
        run = found["peers"].get(peer.name)
        if run is None or peer.least_ratio is None:
            continue
        ratio = run["ns"] / found["ours"][1]["ns"]
        if ratio < peer.least_ratio:
            out.append(
                f"{peer.name}: {ratio:.1f} times, the aim is {peer.least_ratio:.0f}: it would take"
                f" {run['ns'] / peer.least_ratio:.1f} ns a firm-quarter where ours takes {found['ours'][1]['ns']:.1f}"
            )
    return out


if __name__ == "__main__":
    import argparse

    parser = argparse.ArgumentParser()
    parser.add_argument("--replications", type=int, default=30)
    parser.add_argument("--threads", type=int, default=1)
    asked = parser.parse_args()
    print(json.dumps(ours(asked.replications, asked.threads)))
