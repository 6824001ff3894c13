"""The road from seed on: which firms of a founding cohort reach a second, third … round, and how large rounds are.

Read from the event log of simulated worlds as one reads a database of deals: a firm counts from its first round on, if
that is an angel or seed round; its rounds are counted up to a date. Bridges by holders outside are no rounds.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from sim.scenario.document import Scenario

FIRST = ("angel", "seed")
SIZED = ("seed", "a", "b", "c")
AGED = (*SIZED, "d")  # the last stands for D and all that come after it
FATES = {"liquidated": "liquidation", "sold": "sale", "listed": "listing"}
STEPS = ("seed_to_a", "a_to_b", "b_to_c")
PRICED = (FIRST, ("a",), ("b",), ("c",))  # whose median prices of two years are compared
MULTIPLES = (1.0, 5.0, 10.0, 20.0, 50.0)  # between which the outcomes of financings are counted
NOTHING = 1e-9  # of the proceeds


@dataclass(frozen=True)
class Funnel:
    """reach[k]: share of the seed-funded with at least k + 2 rounds; quartiles of round sizes in yuan, by stage.

    spread: standard deviation of log size, by stage; ages: median age in years at the first round of each stage of
    AGED, of the firms that raised one; step_ups: by STEPS, median of pre-money over the post-money of the firm's round
    before; fates: share of the seed-funded that by then were liquidated, sold or listed, or had a round at a unicorn's
    value. A firm that stopped raising and lives on its revenue has none of these. outcomes: of the rounds of firms that
    ended so, shares by what came back over what was paid, between MULTIPLES; founders_nothing: share of those firms
    whose founders and option holders got nothing (both: of venture rounds and their firms, where a least size of one is
    given). exits: of the firms that ended, shares by FATES; sold_at_loss: share of the sold that brought less than they
    had raised.

    Of the whole cohort, whatever its first round was: dearer: by PRICED, median pre-money of the later of two years
    over that of the earlier (NaN where none are asked for); up_rounds: of the rounds that follow one from A on, the
    share priced above the post-money of the one before; up_step and up_mean: median and mean of that ratio.
    """

    firms: int
    reach: np.ndarray
    quartiles: dict[str, np.ndarray]
    spread: dict[str, float]
    ages: np.ndarray
    step_ups: np.ndarray
    fates: dict[str, float]
    outcomes: np.ndarray
    founders_nothing: float
    exits: np.ndarray
    sold_at_loss: float
    dearer: np.ndarray
    up_rounds: float
    up_step: float
    up_mean: float


def funding_funnel(
    scenario: "Scenario",
    founded: tuple[int, int],
    until: int,
    replications: int,
    seed: int,
    since: int = 0,
    ended: tuple[int, int] | None = None,
    priced: tuple[int, int] | None = None,
    venture_from: float = 0.0,
    settled: bool = True,
) -> Funnel:
    """founded, until, since, ended: quarters (year x 4 + 0 … 3), all inclusive; since: of rounds whose age and step-up
    count; ended: of the ends of the firms whose outcomes count (all up to `until` where None); priced: two years whose
    prices are compared; venture_from: size in yuan from which on a round is one of a venture firm: outcomes count from
    a firm's first such round on; settled: whether outcomes and founders_nothing are worked out (NaN where not). Firms
    of the start are in no cohort."""
    from sim.analysis.lived import Need, lived

    worlds = lived(scenario, Need(replications), seed)
    log, exits = worlds.log("rounds"), worlds.log("exits")
    quarter, entry = _of_each(_quarter, log["quarter"]), _of_each(_entry, log["firm"])
    mine = (entry >= founded[0]) & (entry <= founded[1]) & (quarter <= until)
    identity = np.array([f"{r}/{f}" for r, f in zip(log["replication"], log["firm"], strict=True)])
    begun = set(identity[mine & (log["round"] == 1) & np.isin(log["stage"], FIRST)].tolist())
    counted = mine & np.isin(identity, list(begun))
    _, rounds = np.unique(identity[counted], return_counts=True)
    quartiles, spread = {}, {}
    for stage in SIZED:
        named = np.isin(log["stage"], FIRST) if stage == "seed" else log["stage"] == stage
        sizes = log["amount"][counted & named]
        known = sizes.size > 1
        quartiles[stage] = np.quantile(sizes, [0.25, 0.5, 0.75]) if known else np.full(3, np.nan)
        spread[stage] = float(np.log(sizes).std()) if known else float("nan")
    reach = np.array([np.mean(rounds >= k) if rounds.size else np.nan for k in range(2, 6)])
    ages, step_ups = _ages_and_step_ups(log, counted, identity, quarter - entry, quarter >= since)
    left = np.array([f"{r}/{f}" for r, f in zip(exits["replication"], exits["firm"], strict=True)])
    when = _of_each(_quarter, exits["quarter"])
    ours = (when <= until) & np.isin(left, list(begun))
    large = scenario.report.unicorn_usd.value * scenario.report.usd_cny.value
    gone = {fate: left[ours & (exits["way"] == way)] for fate, way in FATES.items()}
    gone["unicorns"] = identity[counted & (log["post_money"] >= large)]
    fates = {fate: len(np.unique(who)) / len(begun) if begun else float("nan") for fate, who in gone.items()}
    if ended is not None:
        ours &= (when >= ended[0]) & (when <= ended[1])
    outcomes, nothing = np.full(len(MULTIPLES) + 1, np.nan), float("nan")
    if settled:
        outcomes, nothing = _outcomes(scenario, log, counted, identity, exits, left, ours, venture_from)
    ways = np.array([np.mean(exits["way"][ours] == way) if ours.any() else np.nan for way in FATES.values()])
    sold = ours & (exits["way"] == FATES["sold"])
    at_loss = float(np.mean((exits["proceeds"] < exits["raised"])[sold])) if sold.any() else float("nan")
    dearer = np.full(len(PRICED), np.nan) if priced is None else _dearer(log, mine, quarter // 4, priced)
    up_rounds, up_step, up_mean = _up_rounds(log, mine & (quarter >= since), identity)
    return Funnel(
        len(begun),
        reach,
        quartiles,
        spread,
        ages,
        step_ups,
        fates,
        outcomes,
        nothing,
        ways,
        at_loss,
        dearer,
        up_rounds,
        up_step,
        up_mean,
    )


def _dearer(
    log: "Mapping[str, np.ndarray]", counted: np.ndarray, year: np.ndarray, priced: tuple[int, int]
) -> np.ndarray:
    """Median pre-money of each stage of PRICED in the second of two years over that in the first."""
    out = []
    for names in PRICED:
        of_stage = counted & np.isin(log["stage"], names)
        before, after = (log["pre_money"][of_stage & (year == y)] for y in priced)
        out.append(np.median(after) / np.median(before) if before.size and after.size else np.nan)
    return np.array(out, dtype=float)


def _up_rounds(
    log: "Mapping[str, np.ndarray]", counted: np.ndarray, identity: np.ndarray
) -> tuple[float, float, float]:
    """Of the rounds that follow one from A on: the share above the last post-money, median and mean of the ratio."""
    order = np.lexsort((log["round"], identity))
    early = np.isin(log["stage"], FIRST)[order]
    follows = np.zeros(len(order), dtype=bool)
    follows[order[1:]] = (identity[order][1:] == identity[order][:-1]) & ~early[:-1]
    rows = counted & follows
    if not rows.any():
        return float("nan"), float("nan"), float("nan")
    ratio = log["pre_money"][rows] / log["previous_post_money"][rows]
    return float(np.mean(ratio > 1.0)), float(np.median(ratio)), float(np.mean(ratio))


def _ages_and_step_ups(
    log: "Mapping[str, np.ndarray]", counted: np.ndarray, identity: np.ndarray, age: np.ndarray, recent: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """age: quarters since founding, of each row of the log; recent: whether its age and step-up count. A step-up is
    that of one firm from its last round before (of whatever stage up to the one named) to its first round of the next;
    nothing is said of firms without one."""
    rows = np.flatnonzero(counted)
    rows = rows[np.lexsort((log["round"][rows], identity[rows]))]
    stage_of = {name: k for k, names in enumerate((FIRST, "a", "b", "c", ("d", "pre_ipo"))) for name in _each(names)}
    stage = np.array([stage_of[name] for name in log["stage"][rows]], dtype=int)
    same = np.concatenate([[False], identity[rows][1:] == identity[rows][:-1]])
    before = np.concatenate([[-1], stage[:-1]])
    first = ~same | (stage > before)  # stages never fall, so a rise is the first round of its stage
    first &= recent[rows]
    years = 0.25 * age[rows]
    ages = [
        np.median(years[first & (stage == k)]) if np.any(first & (stage == k)) else np.nan for k in range(len(AGED))
    ]
    steps = []
    for k in range(len(STEPS)):
        rise = same & (stage == k + 1) & (before == k) & recent[rows]
        ratio = log["pre_money"][rows[rise]] / log["previous_post_money"][rows[rise]]
        steps.append(np.median(ratio) if ratio.size else np.nan)
    return np.array(ages, dtype=float), np.array(steps, dtype=float)


def _outcomes(
    scenario: "Scenario",
    log: "Mapping[str, np.ndarray]",
    counted: np.ndarray,
    identity: np.ndarray,
    exits: "Mapping[str, np.ndarray]",
    left: np.ndarray,
    ours: np.ndarray,
    venture_from: float,
) -> tuple[np.ndarray, float]:
    """What each class of the firms that ended got over what it paid, by the split that the model uses, and how often
    the common got nothing. Classes stand as they were issued: shares that anti-dilution added later count as common.
    A firm counts once it had a round of venture_from yuan, and its rounds from that one on."""
    from sim.finance.payoff import split

    rounds: dict[str, list[int]] = {}
    for i in np.flatnonzero(counted).tolist():
        rounds.setdefault(str(identity[i]), []).append(i)
    cap, kept = scenario.rounds.terms.participation_cap.value, 1.0 - scenario.exits.issue.value
    multiples: list[np.ndarray] = []
    nothing = []
    for k in np.flatnonzero(ours).tolist():
        mine = np.array(rounds[str(left[k])])
        paid, proceeds = log["amount"][mine], float(exits["proceeds"][k])
        large = np.flatnonzero(paid >= venture_from)
        if not large.size:
            continue
        shares = paid / log["price"][mine]
        whole = float(log["post_money"][mine[-1]] / log["price"][mine[-1]])
        if exits["way"][k] == FATES["listed"]:  # all convert, and share what is not sold to the public
            proceeds *= kept
            got = shares / whole * proceeds
            common = proceeds - float(got.sum())
        else:
            joins = [bool(x) for x in log["participating"][mine]]
            caps = [cap * float(x) if joining else None for joining, x in zip(joins, paid, strict=True)]
            claims, ranks = (log["preference"][mine] * paid).tolist(), log["seniority"][mine].tolist()
            rest = max(whole - float(shares.sum()), 0.0)
            got, common, _ = split(proceeds, shares.tolist(), claims, ranks, joins, caps, rest)
        multiples.append((got / paid)[large[0] :])
        nothing.append(common <= NOTHING * proceeds)
    if not multiples:
        return np.full(len(MULTIPLES) + 1, np.nan), float("nan")
    counts = np.histogram(np.concatenate(multiples), [0.0, *MULTIPLES, np.inf])[0]
    return counts / counts.sum(), float(np.mean(nothing))


def _each(names: "str | tuple[str, ...]") -> "tuple[str, ...]":
    return (names,) if isinstance(names, str) else names


def _of_each(number: "Callable[[str], int]", texts: "Iterable[str]") -> np.ndarray:
    """number of each text, worked out once for all that are alike."""
    known: dict[str, int] = {}
    return np.array([known[t] if t in known else known.setdefault(t, number(t)) for t in texts], dtype=int)


def _quarter(text: str) -> int:
    from sim.quantities import parse_quarter

    return parse_quarter(text)


def _entry(firm: str) -> int:
    if firm.startswith("start"):
        return 0
    try:
        return _quarter(firm.partition("-")[0])
    except ValueError:
        return 0  # a firm known by name
