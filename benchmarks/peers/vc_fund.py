"""vc-fund-sim's model rebuilt from its assumptions: a case through the kernel's own draws and returns.

A fund buys its share of equally priced seed companies; each moves, by fixed odds and at fixed dates, to the next stage,
to a sale at a fixed multiple, or to nothing; the fund follows pro rata, or to a target share, while reserves last.

Not a scenario: Headwater's companies move by hazards and latent values, and its scenarios cannot say that all companies
of a stage are worth the same, that a stage lasts exactly two years, or that a share is topped up to a multiple of
itself. What `vc-fund-sim` gave is kept in vc_fund_sim.json, as outputs only.
"""

import json
import time
import tomllib
from pathlib import Path
from typing import Any

import numpy as np

from sim.finance.returns import TOTAL_LOSS, yearly_rate
from sim.model.draws import key_of, uniforms
from sim.model.jit import kernel

HERE = Path(__file__).parent
PURPOSE = 9_001  # apart from every purpose of the model
STAGES = 3
OUTCOMES = ("failed", "sold", "reached")
STRATEGIES = ("pro_rata", "top_up")
MOIC, TVPI, IRR, INVESTED = range(4)


def assumptions() -> dict[str, Any]:
    return tomllib.loads((HERE / "vc_fund.toml").read_text())


def as_array(a: dict[str, Any]) -> np.ndarray:
    """What the kernel reads: the fund's row, the end's row, then one row a stage."""
    fund = [a["committed"], a["investable"], a["reserves"], a["cheque"], a["share"], a["top_up"], 0.0]
    end = [a["end"]["lowest"], a["end"]["highest"], a["end"]["years"], 0.0, 0.0, 0.0, 0.0]
    names = ("reached", "sold", "sale_multiple", "step", "dilution", "years")
    return np.array([fund, end, *([*(stage[k] for k in names), 0.0] for stage in a["stages"])])


@kernel
def wanted_part(share, dilution, top_up):
    """The part of a round that keeps the share (top_up = 0), or brings it to top_up times itself: after the round it is
    share x (1 - dilution) + part x dilution; at most the whole round."""
    if top_up == 0.0:
        return share
    return min(max((top_up * share - share * (1.0 - dilution)) / dilution, 0.0), 1.0)


@kernel
def live_fund(key, a, top_up, share, word, live, flows, stages, out):
    """One fund. flows: room for one amount a stage's end, the start first; stages: counts of companies by how they
    ended, added to; word [4, company], share and live [company]: room. out: MOIC, TVPI, IRR, invested.

    Companies are asked in their order, so that reserves run out on the last of a stage."""
    n = int((a[0, 1] - a[0, 2]) / a[0, 3])
    reserves = a[0, 1] - n * a[0, 3]
    flows[:] = 0.0
    flows[0] = -n * a[0, 3]
    invested = n * a[0, 3]
    for i in range(n):
        word[0, i], word[1, i], word[2, i], word[3, i] = uniforms(key, i, 0, 0, PURPOSE)
        share[i] = a[0, 4]
        live[i] = 1
    before, post = a[0, 3] / a[0, 4], a[0, 3] / a[0, 4]
    proceeds = 0.0
    for s in range(STAGES):
        rule = a[2 + s]
        pre = rule[3] * before
        amount = pre * rule[4] / (1.0 - rule[4])
        for i in range(n):
            if live[i] == 0:
                continue
            u = word[s, i]
            if u >= rule[0] + rule[1]:
                live[i] = 0
                stages[s, 0] += 1
            elif u >= rule[0]:
                live[i] = 0
                got = rule[2] * post * share[i]
                proceeds += got
                flows[s + 1] += got
                stages[s, 1] += 1
            else:
                part = wanted_part(share[i], rule[4], top_up)
                share[i] *= 1.0 - rule[4]
                if reserves >= part * amount:
                    reserves -= part * amount
                    invested += part * amount
                    flows[s + 1] -= part * amount
                    share[i] += part * rule[4]
                stages[s, 2] += 1
        before, post = pre, pre + amount
    for i in range(n):
        if live[i]:
            got = (a[1, 0] + (a[1, 1] - a[1, 0]) * word[3, i]) * post * share[i]
            proceeds += got
            flows[STAGES + 1] += got
    out[MOIC], out[TVPI], out[INVESTED] = proceeds / a[0, 1], proceeds / a[0, 0], invested
    last = STAGES + 1
    while last > 0 and flows[last] == 0.0:
        last -= 1
    # flows stand two years apart: a "quarter" of yearly_rate is two years here, its year eight
    rate = yearly_rate(flows, 0, last, 0.0, invested, proceeds, 0.0)
    out[IRR] = (1.0 + rate) ** 0.125 - 1.0 if rate > TOTAL_LOSS else rate


@kernel  # not cached on disk: a cache that holds this alone would pass for one that holds the worlds
def live_funds(keys, a, top_up, share, word, live, flows, stages, out):
    """Many funds: keys [fund, 2], out [fund, 4]."""
    for k in range(keys.shape[0]):
        live_fund(keys[k], a, top_up, share, word, live, flows, stages, out[k])


def run(funds: int, strategy: str, seed: int = 1) -> tuple[np.ndarray, np.ndarray, float]:
    """(float64[fund, 4]: MOIC, TVPI, IRR, invested; counts [stage, outcome]; seconds of the funds themselves)."""
    a = assumptions()
    if any(stage["years"] != 2 for stage in a["stages"]) or a["end"]["years"] != 2:
        raise ValueError("stages of two years are taken for granted where the rate of return is worked out")
    n = int((a["investable"] - a["reserves"]) / a["cheque"])
    keys = np.array([key_of(seed, k) for k in range(funds)])
    room = np.zeros(n), np.zeros((4, n)), np.zeros(n, np.int64), np.zeros(STAGES + 2)
    stages, out = np.zeros((STAGES, 3), np.int64), np.zeros((funds, 4))
    top_up = a["top_up"] if strategy == "top_up" else 0.0
    began = time.perf_counter()
    live_funds(keys, as_array(a), top_up, *room, stages, out)
    return out, stages, time.perf_counter() - began


def theirs() -> dict[str, Any]:
    return json.loads((HERE / "vc_fund_sim.json").read_text())


def compare(funds: int = 100_000) -> dict[str, Any]:
    """Per strategy: our means and their errors, theirs, the distance in joint standard errors, ns a company, ratio."""
    recorded = theirs()
    run(10, "pro_rata")
    result = {}
    for strategy in STRATEGIES:
        out, stages, _ = run(funds, strategy)
        seconds = min(run(funds, strategy)[2] for _ in range(3))
        rows = {}
        for name, column in (("moic", MOIC), ("tvpi", TVPI), ("irr_of_its_flows", IRR), ("invested", INVESTED)):
            x = out[:, column]
            if column == IRR:
                x = x[x > TOTAL_LOSS]  # theirs leaves out the funds that got nothing back
            mean, error = float(x.mean()), float(x.std(ddof=1) / np.sqrt(len(x)))
            other, its_error = recorded[strategy][name]
            rows[name] = (mean, error, other, its_error, (mean - other) / np.hypot(error, its_error))
        ns = 1e9 * seconds / (funds * recorded["companies"])
        result[strategy] = {
            "means": rows,
            "lost_all": float((out[:, IRR] <= TOTAL_LOSS).mean()),
            "ns_a_company": ns,
            "ratio": 1e3 * recorded[strategy]["us_a_company"] / ns,
            "stages": (stages / funds).tolist(),
        }
    return result
