"""The yardstick's rules as plain numbers, so that a peer needs none of Headwater: read once from the scenario, written
as JSON, read by every peer.

Rates are per quarter, money in yuan, sizes are logs of yearly revenue. `levels` lists the levels that can be reached,
lowest first; a condition is [quantity, least, most], and both bounds hold. Rules that no peer lives are refused here,
so that the yardstick cannot come to mean more than its peers know.
"""

from pathlib import Path
from typing import Any

SCENARIO = Path(__file__).with_name("yardstick.toml")
QUANTITIES = {0: "age", 1: "revenue", 2: "growth", 3: "rd_share", 5: "profit", 6: "value", 7: "standing"}
MARKET = ("reversion", "volatility", "lag")
NORMAL = 1  # the one regime of the yardstick
ORGANIC = 0  # its one source of entrants
MARKET_FUND = 2  # the kind of investor whose judgement those from beyond the zone share


def _plain(x: Any) -> Any:
    return x.tolist() if hasattr(x, "tolist") else x


def numbers(quarters: int | None = None, overrides: tuple[str, ...] = ()) -> dict[str, Any]:
    """The rules of the yardstick (or of its first `quarters`) as nested dicts of floats, ints and lists."""
    import numpy as np

    from sim.ensemble import LevelIndex, Worlds, lower
    from sim.model.rows import Rows
    from sim.scenario import load_scenario

    scenario = load_scenario(SCENARIO, list(overrides))
    r = Worlds(scenario, lower(scenario, Rows(1, np.arange(1))), 1).rules[0]
    f, x = r.firms, r.exits
    _refuse_a_start_no_peer_has(r)
    sectors = int(f.sectors)
    firms = {
        name: _plain(getattr(f, name))
        for name in (
            "rd_log_sd",
            "rd_drift",
            "margin_slope",
            "margin_floor",
            "margin_ceiling",
            "jobs_elasticity",
            "productivity_growth",
            "reference_size",
            "initial",
            "initial_age",
            "initial_growth",
            "initial_log_sd",
            "market_loading",
            "spread",
            "spread_size",
            "spread_floor",
            "spread_ceiling",
            "drift_by_age",
            "hazard_by_age",
            "exit_floor",
            "exit_size",
            "exit_ceiling",
            "certificate",
            "certified_growth",
            "certified_hazard",
        )
    }
    firms |= {name: _plain(getattr(f, name)[:sectors]) for name in SECTORAL}
    firms |= {
        "sector_mix": _plain(f.sector_mix[ORGANIC][:sectors]),
        "entrants": 0.25 * float(f.entry[ORGANIC]),
        "entry_log_median": float(f.entry_log_median[ORGANIC]),
        "entry_log_sd": float(f.entry_log_sd[ORGANIC]),
        "venture_share": float(f.venture_share[ORGANIC]),
    }
    rounds = {
        name: _plain(getattr(r.rounds, name))
        for name in (
            "founder_burn",
            "founder_runway",
            "goal_log",
            "value_log_sd",
            "value_drift",
            "value_volatility",
            "correlation",
            "funded_quarters",
            "funded_growth",
            "short_runway",
            "least_gap",
            "stage_floor",
            "stage_floor_log",
            "skip_factor",
            "least_cheque",
            "runway",
            "bargaining",
            "concession",
            "dilution",
            "dilution_sd",
            "mood_multiple",
            "centre",
            "distrust",
            "lead_share",
            "least_part",
            "outside_share",
            "outside_lead",
            "burn_cut",
            "burn_cuts",
            "patience",
            "retry",
            "step_up",
            "step_up_sd",
        )
    }
    rounds["listing_levels"] = int(r.rounds.listing_levels)
    rounds["value_log_median"] = float(r.rounds.value_log_median[ORGANIC])
    rounds["selective"] = float(r.rounds.selective[MARKET_FUND])
    rounds |= {name: _plain(getattr(x, name)) for name in ("bootstraps", "bridge", "bridge_quarters", "bridge_cut")}
    return {
        "quarters": scenario.zone.quarters if quarters is None else quarters,
        "phase": int(r.phase),
        "market": {name: _plain(getattr(r.market, name)) for name in MARKET},
        "firms": firms,
        "rounds": rounds,
        "levels": _levels(r.ladders, LevelIndex(scenario).names, scenario.zone.quarters),
    }


SECTORAL = ("sector_size", "rd_log_median", "margin", "price_to_sales", "jobs_base")


def _refuse_a_start_no_peer_has(r: Any) -> None:
    """Levels held at the start, and ventures that were founded before it."""
    if r.ladders.initial.any():
        raise ValueError("the yardstick has holders of levels at its start, whom no peer puts there")
    if r.rounds.oldest_venture > 0:
        raise ValueError("the yardstick has ventures with a past at its start, which no peer gives them")


def _levels(r: Any, names: list[str], quarters: int) -> list[dict[str, Any]]:
    out: list[dict[str, Any]] = []
    for i, name in enumerate(names):
        needed = int(r.requires[i])
        if float(r.apply[i]) == 0.0 or needed >= len(out):
            break  # this level and all above it stay empty
        those = range(r.set_first[i], r.set_last[i])
        if any(r.set_from[s] > 0 or r.set_until[s] < quarters for s in those):
            raise ValueError(f"{name} has conditions that change during the run, as no peer's do")
        sets = [
            [
                [QUANTITIES[int(r.condition_what[c])], float(r.condition_low[c]), float(r.condition_high[c])]
                for c in range(r.condition_first[s], r.condition_last[s])
            ]
            for s in those
        ]
        out.append(
            {
                "name": name,
                "requires": needed,
                "wait": int(r.wait[i]),
                "barred": int(r.barred[i]),
                "replaces": int(r.replaces[i]),
                "windows": [q for q in range(4) if int(r.windows[i]) >> q & 1],
                "odds": float(r.apply[i] * r.passes[i][NORMAL]),
                "quota": int(r.quota[i]),
                "validity": int(r.validity[i]),
                "renewal": _plain(r.renewal[i]),
                "withdraws": float(r.withdraws[i][NORMAL]),
                "falls_to": int(r.falls_to[i]),
                "sets": sets,
            }
        )
    return out
