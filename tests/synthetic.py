"""A believable result that no simulator made: smooth growth with noise, for tests of results and figures."""

from __future__ import annotations

import numpy as np

from sim.model.metrics import Metric
from sim.result import Result, ScoredFact
from sim.terms import label_of

LEVELS = ("hte", "srdi", "giant", "champion")
LISTING = ("reserve", "tutoring", "review", "approved", "listed")
STAGES = ("angel", "seed", "a", "b", "c", "d", "pre_ipo")
NAMES = {
    "hte": {"zh": "高新技术企业", "en": "High-tech enterprises"},
    "eswin": {"zh": "奕斯伟", "en": "Eswin"},
    "tangjing": {"zh": "唐晶量子", "en": "Tangjing Quantum"},
}


def quarters(start: int = 2019, count: int = 57) -> list[str]:
    """From the fourth quarter of `start`."""
    return [f"{start + (3 + i) // 4}Q{(3 + i) % 4 + 1}" for i in range(count)]


def result(replications: int = 200, seed: int = 1, shift: float = 0.0) -> Result:
    """`shift` moves the log growth of everything, the noise staying as it is: a paired counterfactual."""
    draws = np.random.default_rng(seed)
    names = quarters()
    years = np.arange(len(names)) / 4
    world = draws.normal(size=(replications, 1))
    metrics: list[Metric] = []
    rows: list[np.ndarray] = []

    def add(name: str, unit: str, values: np.ndarray, kind: str = "stock") -> None:
        label = {lang: label_of(name, NAMES, lang) for lang in ("zh", "en")}
        metrics.append(Metric(name, unit, label, kind))  # type: ignore[arg-type]
        rows.append(values)

    def growing(start: float, rate: float, late: float, spread: float = 0.02, whole: bool = True) -> np.ndarray:
        log = np.where(years < 4, rate * years, rate * 4 + late * (years - 4)) + shift * years
        noise = spread * (world * years + np.cumsum(draws.normal(size=(replications, len(years))), axis=1))
        values = start * np.exp(log + noise)
        return np.floor(values) if whole else values

    add("firms.alive", "firms", growing(7000, 0.06, 0.02, 0.004))
    add("firms.entered", "firms", growing(500, 0.05, 0.02, 0.01), "flow")
    for level, start, rate in zip(LEVELS, (2478, 95, 10, 4), (0.20, 0.27, 0.45, 0.35), strict=True):
        add(f"ladder.certificates.{level}", "certificates", growing(start, rate, 0.05))
        add(f"ladder.certificates.{level}.entered", "certificates", growing(start / 20, rate, 0.05), "flow")
    for level, start, rate in zip(LISTING, (130, 25, 9, 1.2, 48), (0.10, 0.05, 0.02, 0.0, 0.11), strict=True):
        add(f"ladder.listing.{level}", "firms", growing(start, rate, 0.06, 0.03))
    add("firms.listed", "firms", rows[-1] + 2.0)  # two of them abroad
    add("valuation.post_money.total", "CNY", growing(6e10, 0.3, 0.08, 0.05, whole=False))
    add("valuation.listed.total", "CNY", growing(3e11, 0.2, 0.05, 0.05, whole=False))
    add("valuation.unicorns", "firms", growing(2.3, 0.3, 0.05, 0.1))
    add("valuation.multiple.share_above", "share", np.clip(growing(0.02, 0.1, 0.01, 0.05, whole=False), 0, 1), "ratio")
    add("valuation.multiple.max", "ratio", growing(6.0, 0.2, 0.03, 0.06, whole=False), "ratio")
    for i, stage in enumerate(STAGES):
        add(f"rounds.count.{stage}", "rounds", growing(30 / (i + 1), 0.02, 0.02, 0.05), "flow")
        add(f"rounds.raised.{stage}", "CNY", growing(3e7 * (i + 1) ** 2, 0.05, 0.02, 0.1, whole=False), "flow")
    add("rounds.count.total", "rounds", growing(75, 0.02, 0.02, 0.05), "flow")
    add("rounds.raised.total", "CNY", growing(3e9, 0.05, 0.02, 0.08, whole=False), "flow")
    _add_funds(add, draws, years, replications)
    add("jobs.total", "jobs", growing(330_000, 0.05, 0.02, 0.01))
    add("output.year", "CNY", growing(6e11, 0.06, 0.04, 0.01, whole=False))
    add("public.net_cost_pv", "CNY", growing(1.5e9, 0.2, 0.05, 0.1, whole=False))
    add("market.regime", "index", draws.integers(0, 3, (replications, len(years))).astype(float), "index")
    add("market.multiple", "index", 0.02 * np.cumsum(draws.normal(size=(replications, len(years))), axis=1), "index")
    add("market.ipo_window", "index", np.clip(growing(1.0, -0.1, 0.05, 0.02, whole=False), 0, 2), "index")
    post = growing(6e7, 0.4, 0.1, 0.15, whole=False)
    post[:, :8] = np.nan  # not yet priced
    add("named.tangjing.valuation", "CNY", post)
    for level, start, rate in zip(LEVELS, (2478, 95, 10, 4), (0.20, 0.27, 0.45, 0.35), strict=True):
        add(f"ladder.certificates.{level}.left", "certificates", growing(start / 40, rate, 0.05), "flow")
    values = np.stack(rows)
    manifest = {
        "program": "headwater",
        "scenario": "xian",
        "zone": {"zh": "西安高新区", "en": "Xi'an High-tech Zone"},
        "seed": seed,
    }
    made = Result(metrics, names, values, _samples(draws), [], manifest, dict(NAMES))
    made.facts = [_scored(made, *row) for row in FACTS]
    return made


def _add_funds(add, draws: np.random.Generator, years: np.ndarray, replications: int) -> None:
    """Paid in over six years, distributed from the fifth on, as cumulative amounts."""
    luck = np.exp(0.35 * draws.normal(size=(replications, 1)))
    paid_share = np.clip(years / 6, 0, 1) ** 0.9
    back_share = np.clip((years - 4) / 9, 0, 1) ** 2
    sizes = {"guidance": 5.0e9, "subfunds": 1.51e10, "market": 2.4e10, "direct": 6e8}
    for kind, size in sizes.items():
        spread = np.exp(0.04 * draws.normal(size=(replications, 1)))
        paid = 0.92 * size * spread * paid_share
        back = 1.9 * luck * 0.92 * size * back_share
        add(f"funds.{kind}.size", "CNY", size * spread * np.clip(years / 4, 0, 1))
        add(f"funds.{kind}.paid_in", "CNY", paid)
        add(f"funds.{kind}.distributed", "CNY", back)
        add(f"funds.{kind}.nav", "CNY", np.maximum(paid * 1.3 * luck - 0.7 * back, 0))
        add(f"funds.{kind}.invested.local", "CNY", 0.55 * paid)
        add(f"funds.{kind}.invested.outside", "CNY", 0.3 * paid)
        add(f"funds.{kind}.fees", "CNY", 0.11 * paid)
        add(f"funds.{kind}.carry", "CNY", 0.05 * back)
        add(f"funds.{kind}.net_cash", "CNY", back - paid)
        add(f"funds.{kind}.tvpi", "ratio", np.where(paid > 0, (back + paid) / np.maximum(paid, 1), np.nan), "ratio")
    add("funds.leverage", "ratio", 3.0 + 0.25 * draws.normal(size=(replications, len(years))), "ratio")
    add("funds.park.size", "CNY", np.maximum(0, years - 1.5) * 6e9 * luck)
    add("funds.park.count", "funds", np.floor(np.maximum(0, years - 1.5) * 30 * luck))


def _samples(draws: np.random.Generator) -> dict[str, dict[str, np.ndarray]]:
    count = 4000
    multiple = np.exp(draws.normal(0.9, 1.05, count))
    return {
        "multiples": {"replication": np.arange(count) // 200, "firm": np.arange(count) % 200, "multiple": multiple},
        "rounds": {
            "replication": np.zeros(3, np.int32),
            "quarter": np.array(["2020Q1", "2020Q2", "2021Q1"], dtype=object),
            "firm": np.array(["eswin", "organic 12", "organic 9"], dtype=object),
            "post_money": np.array([2.1e10, 6e7, np.nan]),
        },
        "flows": {"replication": np.zeros(0, np.int32), "amount": np.zeros(0)},
    }


FACTS = (
    ("xa-guidance", "input", "funds.guidance.size", "2023Q4", 5.0e9, "exact", "引导基金"),
    ("xa-cluster", "check", "funds.subfunds.size", "2023Q4", 1.51e10, "exact", "子基金集群总规模"),
    ("xa-park", "calibrate", "funds.park.size", "2023Q2", 1.0e10, "at_least", "基金园区注册规模"),
    ("xa-park-n", "check", "funds.park.count", "2023Q4", 70, "at_least", "基金园区注册企业"),
    ("xa-hte", "calibrate", "ladder.certificates.hte", "2022Q4", 4840, "exact", "高新技术企业"),
    ("xa-hte-2021", "check", "ladder.certificates.hte", "2021Q1", 3182, "exact", "高新技术企业2021"),
    ("xa-champ", "calibrate", "ladder.certificates.champion", "2023Q4", 16, "exact", "单项冠军"),
    ("xa-giant", "calibrate", "ladder.certificates.giant", "2023Q4", 66, "exact", "小巨人"),
    ("xa-srdi", "check", "ladder.certificates.srdi", "2023Q4", 474, "exact", "专精特新"),
    ("xa-listed", "calibrate", "firms.listed", "2023Q4", 77, "exact", "上市公司"),
    ("xa-reserve", "calibrate", "ladder.listing.reserve", "2023Q4", 195, "exact", "上市后备"),
    ("xa-tj-v", "check", "named.tangjing.valuation", "2023Q4", 6.67e8, "exact", "唐晶量子估值"),
    ("xa-tj-x", "check", "valuation.multiple.max", "2023Q4", 11.1, "exact", "估值倍数"),
    ("xa-target", "goal", "output.year", "2028Q4", 1.0e12, "at_least", "产值目标"),
)


def _scored(
    made: Result, fact: str, use: str, metric: str, date: str, observed: float, bound: str, name: str
) -> ScoredFact:
    unit = made.metric(metric).unit
    if use == "input":
        return ScoredFact(fact, use, metric, date, observed, unit, bound, name=name, source="《科技日报》")
    at = made[metric][:, made.quarter(date)]
    p05, p50, p95 = (float(q) for q in np.nanquantile(at, (0.05, 0.5, 0.95)))
    inside = p95 >= observed if bound == "at_least" else p05 <= observed <= p95
    reach = float(np.mean(at >= observed))
    return ScoredFact(
        fact, use, metric, date, observed, unit, bound, "", p05, p50, p95, bool(inside), reach, "《科技日报》", "", name
    )
