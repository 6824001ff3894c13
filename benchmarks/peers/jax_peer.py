"""The yardstick in JAX: one `lax.scan` over quarters, compiled once, on the processor.

Shapes are static: firms live in a fixed number of slots, entrants take the first that are free (`nonzero` of a fixed
size, scatter with the rest dropped), and empty slots are computed like full ones. Yearly rules and closed windows stand
in `lax.cond`, which skips what is not taken. 32-bit floats, as is JAX's habit, and its fastest generator on processors.
"""

from functools import partial
from math import sqrt
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax, random

from benchmarks.peers.common import PRE_IPO, A, B, level_names, main

jax.config.update("jax_default_prng_impl", "unsafe_rbg")
SQRT_HALF = sqrt(0.5)


def sizes(rules: dict[str, Any]) -> tuple[int, int, int]:
    """Slots for firms, for ventures, and for the entrants of a quarter."""
    f = rules["firms"]
    coming = f["entrants"] * (rules["quarters"] - 1)
    firms = int(1.02 * f["initial"] + 0.6 * coming) + 400
    ventures = int(0.6 * f["venture_share"] * coming) + 200
    return firms, ventures, int(f["entrants"] + 7.0 * sqrt(f["entrants"])) + 8


class Zone:
    """The rules as constants of the compiled program."""

    def __init__(self, rules: dict[str, Any]) -> None:
        self.rules, self.f, self.r = rules, rules["firms"], rules["rounds"]
        self.fa = {k: jnp.array(v, jnp.float32) for k, v in self.f.items() if isinstance(v, list)}
        self.ra = {k: jnp.array(v, jnp.float32) for k, v in self.r.items() if isinstance(v, list)}
        self.cuts = jnp.cumsum(self.fa["sector_mix"])[:-1]
        self.levels, self.phase = rules["levels"], rules["phase"]
        self.slots, self.ventures, self.entrants = sizes(rules)

    def by_age(self, name: str, age):
        return self.fa[name][jnp.minimum(age, len(self.fa[name]) - 1)]

    # ------------------------------------------------------------------------------------------------------- firms

    def spread_of(self, size):
        f = self.f
        return jnp.clip(f["spread"] * jnp.exp(-f["spread_size"] * size), f["spread_floor"], f["spread_ceiling"])

    def hazard_of(self, age, size):
        f = self.f
        young = self.by_age("hazard_by_age", age) * jnp.exp(-f["exit_size"] * size)
        return jnp.minimum(f["exit_floor"] + young, f["exit_ceiling"])

    def margin_of(self, sector, size):
        f = self.f
        return jnp.clip(self.fa["margin"][sector] + f["margin_slope"] * size, f["margin_floor"], f["margin_ceiling"])

    def jobs_of(self, sector, log_revenue, productivity):
        log_jobs = self.fa["jobs_base"][sector] - productivity + self.f["jobs_elasticity"] * log_revenue
        return jnp.maximum(jnp.exp(log_jobs), 1.0)

    def new_firms(self, key, n: int, age, born, mean, sd, multiple):
        f, k = self.f, random.split(key, 5)
        sector = jnp.searchsorted(self.cuts, random.uniform(k[0], (n,)))
        log_revenue = self.fa["sector_size"][sector] + mean + sd * random.normal(k[1], (n,))
        size, revenue = log_revenue - f["reference_size"], jnp.exp(log_revenue)
        spread, drift = self.spread_of(size), self.by_age("drift_by_age", age)
        rd = jnp.exp(self.fa["rd_log_median"][sector] + f["rd_log_sd"] * random.normal(k[2], (n,)))
        filed = jnp.where(age >= 4, revenue, 0.0)
        earlier = revenue * jnp.exp(-4.0 * drift - 2.0 * spread * random.laplace(k[4], (n,)))
        return {
            "born": born,
            "sector": sector.astype(jnp.int32),
            "log_revenue": log_revenue,
            "drift": drift,
            "spread": spread,
            "hazard": self.hazard_of(age, size),
            "shock": jnp.zeros(n),
            "rd_share": jnp.minimum(rd, 0.9),
            "standing": random.uniform(k[3], (n,)),
            "year": jnp.zeros(n),
            "last": filed,
            "before": jnp.where(age >= 8, earlier, 0.0),
            "profit": self.margin_of(sector, size) * filed,
            "value": filed * self.fa["price_to_sales"][sector] * jnp.exp(multiple),
            "jobs": self.jobs_of(sector, log_revenue, 0.0),
            "held": jnp.zeros(n, jnp.int32),
            "alive": jnp.ones(n, bool),
        }

    def begin(self, key):
        f, n, rest = self.f, int(self.f["initial"]), self.slots - int(self.f["initial"])
        a, b, c, d, e = random.split(key, 5)
        age = (4.0 * f["initial_age"] * random.exponential(a, (n,))).astype(jnp.int32)
        mean = f["entry_log_median"] + f["initial_growth"] * jnp.minimum(0.25 * age, 20.0)
        firms = self.new_firms(b, n, age, -age, mean, f["initial_log_sd"], 0.0)
        firms = {k: jnp.concatenate([x, jnp.zeros(rest, x.dtype)]) for k, x in firms.items()}
        firms["since"] = jnp.zeros((len(self.levels), self.slots), jnp.int32)
        firms["renewals"] = jnp.zeros((len(self.levels), self.slots), jnp.int32)
        # founded in the quarter of the start, as entrants are in later ones: at any moment of it
        seeks = (age == 0) & (random.uniform(c, (n,)) < f["venture_share"])
        slot = jnp.nonzero(seeks, size=self.ventures, fill_value=self.slots)[0]
        ventures = self.new_ventures(d, self.ventures, slot, 0) | {"alive": slot < self.slots}
        ventures["cash"] += ventures["burn"] * (random.uniform(e, (self.ventures,)) - 0.5)
        return firms, ventures

    def new_ventures(self, key, n: int, slot, quarter):
        """n ventures for the firms in these slots."""
        r, k = self.r, random.split(key, 3)
        burn = r["founder_burn"] * jnp.exp(0.5 * random.normal(k[1], (n,)))
        return {
            "firm": slot.astype(jnp.int32),
            "log_value": r["value_log_median"] + r["value_log_sd"] * random.normal(k[0], (n,)),
            "burn": burn,
            "cash": burn * r["founder_runway"] * (0.3 + 1.4 * random.uniform(k[2], (n,))),
            "goal": jnp.full(n, r["goal_log"]),
            "last_post": jnp.zeros(n),
            "last_round": jnp.full(n, quarter, jnp.int32),
            "alive": jnp.ones(n, bool),
        } | {name: jnp.zeros(n, jnp.int32) for name in ("stage", "rounds", "fails")}

    def admit(self, key, firms, ventures, quarter, multiple):
        f, n = self.f, self.entrants
        k = random.split(key, 4)
        # a large Poisson as a rounded normal: jax.random.poisson loops and offers no rbg keys
        count = jnp.round(f["entrants"] + sqrt(f["entrants"]) * random.normal(k[0])).astype(jnp.int32)
        there = jnp.arange(n) < count
        slot = jnp.nonzero(~firms["alive"], size=n, fill_value=self.slots)[0]
        slot = jnp.where(there, slot, self.slots)
        new = self.new_firms(
            k[1], n, jnp.zeros(n, jnp.int32), jnp.full(n, quarter), f["entry_log_median"], f["entry_log_sd"], multiple
        )
        firms = firms | {name: firms[name].at[slot].set(x, mode="drop") for name, x in new.items()}
        seeks = there & (random.uniform(k[2], (n,)) < f["venture_share"])
        order = jnp.cumsum(seeks) - 1
        places = jnp.nonzero(~ventures["alive"], size=n, fill_value=self.ventures)[0]
        row = jnp.where(seeks, places[order], self.ventures)
        fresh = self.new_ventures(k[3], n, slot, quarter)
        ventures = {name: x.at[row].set(fresh[name], mode="drop") for name, x in ventures.items()}
        return firms, ventures, count

    def grow(self, key, firms, change):
        shock = random.laplace(key, (self.slots,))
        x = firms["log_revenue"] + firms["drift"] + self.f["market_loading"] * change + firms["spread"] * shock
        x = jnp.clip(x, 0.0, 34.0)
        revenue = 0.25 * jnp.exp(x)
        output = jnp.sum(jnp.where(firms["alive"], revenue, 0.0))
        return firms | {"shock": shock, "log_revenue": x, "year": firms["year"] + revenue}, output

    def close(self, key, firms, ventures):
        safe = jnp.where(ventures["alive"] & (ventures["cash"] > 0.0), ventures["firm"], self.slots)
        guarded = jnp.zeros(self.slots, bool).at[safe].set(True, mode="drop")
        leaves = (random.uniform(key, (self.slots,)) < firms["hazard"]) & ~guarded
        alive = firms["alive"] & ~leaves
        ventures = ventures | {"alive": ventures["alive"] & alive[ventures["firm"]]}
        return firms | {"alive": alive, "held": jnp.where(alive, firms["held"], 0)}, ventures

    def close_year(self, key, quarter, multiple, firms):
        f = self.f
        step = jnp.exp(SQRT_HALF * f["rd_drift"] * random.laplace(key, (self.slots,)))
        certified = (firms["held"] >> f["certificate"] & 1) != 0

        def file(firms):
            x, sector, age = firms["log_revenue"], firms["sector"], quarter + 1 - firms["born"]
            size = x - f["reference_size"]
            last = jnp.where(age >= 4, firms["year"], jnp.exp(x))
            return firms | {
                "before": firms["last"],
                "last": last,
                "year": jnp.zeros(self.slots),
                "spread": self.spread_of(size),
                "hazard": self.hazard_of(age, size) * jnp.where(certified, f["certified_hazard"], 1.0),
                "drift": self.by_age("drift_by_age", age) + jnp.where(certified, f["certified_growth"], 0.0),
                "rd_share": jnp.clip(firms["rd_share"] * step, 0.001, 0.9),
                "profit": self.margin_of(sector, size) * last,
                "jobs": self.jobs_of(sector, x, f["productivity_growth"] * 0.25 * quarter),
                "value": self.fa["price_to_sales"][sector] * last * jnp.exp(multiple),
            }

        # the accounts of the start stand for the year that ends with it
        return lax.cond(quarter > 0, file, lambda firms: firms | {"year": jnp.zeros(self.slots)}, firms)

    # ----------------------------------------------------------------------------------------------------- ladders

    def holds(self, firms, i: int):
        return (firms["held"] >> i & 1) != 0

    def enter(self, firms, who, i: int, quarter):
        keep = ~self.levels[i]["replaces"]
        return firms | {
            "held": jnp.where(who, firms["held"] & keep | 1 << i, firms["held"]),
            "since": firms["since"].at[i].set(jnp.where(who, quarter, firms["since"][i])),
            "renewals": firms["renewals"].at[i].set(jnp.where(who, 0, firms["renewals"][i])),
        }

    def renew(self, i: int, key, quarter, firms):
        level = self.levels[i]
        odds = jnp.array(level["renewal"])
        times, since = firms["renewals"][i], firms["since"][i]
        due = self.holds(firms, i) & (since <= quarter - level["validity"])
        kept = due & (random.uniform(key, (self.slots,)) < odds[jnp.minimum(times, len(odds) - 1)])
        return firms | {
            "held": jnp.where(due & ~kept, firms["held"] & ~(1 << i), firms["held"]),
            "since": firms["since"].at[i].set(jnp.where(kept, quarter, since)),
            "renewals": firms["renewals"].at[i].set(times + kept),
        }

    def withdraw(self, i: int, key, quarter, firms):
        level = self.levels[i]
        gone = self.holds(firms, i) & (random.uniform(key, (self.slots,)) < level["withdraws"])
        firms = firms | {"held": jnp.where(gone, firms["held"] & ~(1 << i), firms["held"])}
        lower = level["falls_to"]
        return firms if lower < 0 else self.enter(firms, gone & ~self.holds(firms, lower), lower, quarter)

    def apply(self, i: int, key, quarter, known, firms):
        level = self.levels[i]
        good = jnp.zeros(self.slots, bool)
        for conditions in level["sets"]:
            one = jnp.ones(self.slots, bool)
            for what, low, high in conditions:
                if low > -np.inf:
                    one &= known[what] >= low
                if high < np.inf:
                    one &= known[what] <= high
            good |= one
        u = random.uniform(key, (self.slots,))
        passes = good & firms["alive"] & ((firms["held"] & level["barred"]) == 0) & (u < level["odds"])
        needed = level["requires"]
        if needed >= 0:
            passes &= self.holds(firms, needed) & (quarter - firms["since"][needed] >= level["wait"])
        if level["quota"] >= 0:
            best, who = lax.top_k(jnp.where(passes, 1.0 - u, -1.0), min(level["quota"], self.slots))
            passes = jnp.zeros(self.slots, bool).at[jnp.where(best >= 0.0, who, self.slots)].set(True, mode="drop")
        return self.enter(firms, passes, i, quarter)

    def climb(self, key, firms, ventures, quarter, multiple):
        now = (self.phase + quarter) % 4
        keys = random.split(key, 3 * len(self.levels))

        def in_window(i, action, firms):
            level = self.levels[i]
            if len(level["windows"]) == 4:
                return action(firms)
            open_ = jnp.isin(now, jnp.array(level["windows"]))
            return lax.cond(open_, action, lambda firms: firms, firms)

        for i in reversed(range(len(self.levels))):
            level = self.levels[i]
            if level["validity"]:
                firms = in_window(i, partial(self.renew, i, keys[3 * i], quarter), firms)
            if level["withdraws"] > 0.0:
                firms = self.withdraw(i, keys[3 * i + 1], quarter, firms)
        own = jnp.where(ventures["alive"], ventures["firm"], self.slots)
        known = {
            "age": 0.25 * (quarter - firms["born"]),
            "revenue": firms["last"],
            "growth": jnp.where(firms["before"] > 0.0, firms["last"] / jnp.maximum(firms["before"], 1e-30) - 1.0, 0.0),
            "value": firms["value"].at[own].set(jnp.exp(ventures["log_value"] + multiple), mode="drop"),
        } | {name: firms[name] for name in ("rd_share", "profit", "standing")}
        for i in reversed(range(len(self.levels))):
            firms = in_window(i, partial(self.apply, i, keys[3 * i + 2], quarter, known), firms)
        return firms

    # ---------------------------------------------------------------------------------------------------- ventures

    def move_and_raise(self, key, firms, v, quarter, private):
        r, a, n, k = self.r, self.ra, self.ventures, random.split(key, 7)
        common = r["correlation"] * SQRT_HALF * firms["shock"][v["firm"]]
        common += sqrt(1.0 - r["correlation"] ** 2) * random.normal(k[0], (n,))
        reached = jnp.searchsorted(a["stage_floor_log"][A:], v["log_value"])
        moves_as = jnp.where(reached > 0, jnp.maximum(v["stage"], A - 1 + reached), v["stage"])
        log_value = v["log_value"] + a["value_drift"][moves_as] + a["value_volatility"][moves_as] * common
        log_value = jnp.clip(log_value, 9.0, 30.0)
        cash, since = v["cash"] - v["burn"], quarter - v["last_round"]
        young = v["alive"] & (v["stage"] > 0) & (since <= r["funded_quarters"])
        fed = jnp.where(young, v["firm"], self.slots)
        grown = firms["log_revenue"].at[fed].add(a["funded_growth"][v["stage"]], mode="drop")
        firms = firms | {"log_revenue": jnp.minimum(grown, 34.0)}
        may = v["alive"] & (v["fails"] < r["patience"]) & (v["rounds"] < 12)
        may &= (v["fails"] == 0) | (since % r["retry"] == 0)
        carried = (v["rounds"] > 0) & (firms["profit"][v["firm"]] > 4.0 * v["burn"])
        better = (v["rounds"] > 0) & (since >= r["least_gap"]) & (log_value > v["goal"])
        better &= ~(carried & (v["stage"] == PRE_IPO))
        asks = may & (better | ((cash < r["short_runway"] * v["burn"]) & ~carried))
        pre = jnp.exp(log_value + private + r["bargaining"] * random.normal(k[1], (n,)) - r["concession"] * v["fails"])
        listing = (firms["held"][v["firm"]] & r["listing_levels"]) != 0
        stage = self.stage_for(v["stage"], pre * jnp.exp(-private), listing & (firms["profit"][v["firm"]] > 0.0))
        part = jnp.clip(a["dilution"][stage] * jnp.exp(r["dilution_sd"] * random.normal(k[2], (n,))), 0.02, 0.45)
        amount = pre * part / (1.0 - part)
        asks &= amount >= r["least_cheque"]
        promise = log_value - a["centre"][stage] - r["distrust"] * v["fails"]
        says_yes = jax.nn.sigmoid(r["mood_multiple"] * private + r["selective"] * promise)
        led = random.uniform(k[3], (n,)) < 2.0 * a["outside_lead"][stage] * says_yes
        part = jnp.minimum(r["lead_share"] + a["outside_share"][stage] * 2.0 * random.uniform(k[4], (n,)), 1.0)
        closes = asks & led & (part >= r["least_part"])
        lost, got = asks & ~closes, amount * part
        fails = v["fails"] + lost
        burn = jnp.where(lost & (fails <= r["burn_cuts"]), v["burn"] * r["burn_cut"], v["burn"])
        funded = (cash + got) / (a["runway"][stage] * jnp.exp(0.25 * random.normal(k[5], (n,))))
        goal = a["step_up"][stage] * jnp.exp(r["step_up_sd"] * random.normal(k[6], (n,)))
        goal += jnp.log(pre + got) - private  # the log value at which it goes raising again
        v = v | {
            "log_value": log_value,
            "cash": jnp.where(closes, cash + got, cash),
            "burn": jnp.where(closes, funded, burn),
            "goal": jnp.where(closes, goal, v["goal"]),
            "last_post": jnp.where(closes, pre + got, v["last_post"]),
            "rounds": v["rounds"] + closes,
            "stage": jnp.where(closes, stage, v["stage"]),
            "last_round": jnp.where(closes, quarter, v["last_round"]),
            "fails": jnp.where(closes, 0, fails),
        }
        return firms, v, jnp.sum(closes), jnp.sum(jnp.where(closes, got, 0.0))

    def stage_for(self, last, pre, mature):
        floor = self.ra["stage_floor"]
        further = jnp.minimum(last + 1, len(floor) - 1)
        later = jnp.where(pre < floor[further], last, further)
        first = jnp.ones_like(last)
        for k in range(1, PRE_IPO):
            first += (first == k) & (pre > floor[k + 1] * self.r["skip_factor"]) & (mature | (k < B))
        return jnp.where(last == 0, first, later)

    def end_broke(self, key, firms, v):
        r = self.r
        broke, first = v["alive"] & (v["cash"] < 0.0), v["stage"] == 0
        u = random.uniform(key, (self.ventures,))
        carried = broke & ((firms["profit"][v["firm"]] > v["burn"]) | (first & (u < r["bootstraps"])))
        bridged = broke & ~carried & ~first & (u < r["bridge"])
        over = broke & ~carried & ~bridged
        burn = jnp.where(carried, 0.0, v["burn"])
        cash = jnp.where(broke, jnp.where(bridged, r["bridge_quarters"] * burn, 0.0), v["cash"])
        burn = jnp.where(bridged, burn * r["bridge_cut"], burn)
        v = v | {"cash": cash, "burn": burn, "alive": v["alive"] & ~over & ~(carried & first)}
        gone = jnp.where(over, v["firm"], self.slots)
        alive = firms["alive"].at[gone].set(False, mode="drop")
        return firms | {"alive": alive, "held": firms["held"].at[gone].set(0, mode="drop")}, v

    # -------------------------------------------------------------------------------------------------- the quarter

    def one_quarter(self, carry, x):
        firms, v, multiple, before = carry
        quarter, key = x
        m, k = self.rules["market"], random.split(key, 8)
        multiple += -m["reversion"] * multiple + m["volatility"] * random.normal(k[0])
        private = before + m["lag"] * (multiple - before)
        first = quarter == 0
        firms, v, entered = lax.cond(
            first,
            lambda firms, v: (firms, v, jnp.int32(0)),
            lambda firms, v: self.admit(k[1], firms, v, quarter, multiple),
            firms,
            v,
        )
        firms, output = self.grow(k[2], firms, jnp.where(first, 0.0, private - before))

        def later(firms, v):
            firms, v = self.close(k[3], firms, v)
            firms, v, rounds, raised = self.move_and_raise(k[4], firms, v, quarter, private)
            firms = self.climb(k[5], firms, v, quarter, multiple)
            firms, v = self.end_broke(k[6], firms, v)
            return firms, v, rounds, raised

        firms, v, rounds, raised = lax.cond(
            first, lambda firms, v: (firms, v, jnp.int32(0), jnp.float32(0.0)), later, firms, v
        )
        firms = lax.cond(
            (self.phase + quarter) % 4 == 3,
            partial(self.close_year, k[7], quarter, multiple),
            lambda firms: firms,
            firms,
        )
        out = {
            "alive": jnp.sum(firms["alive"]),
            "entered": entered,
            "output": output,
            "jobs": jnp.sum(jnp.where(firms["alive"], firms["jobs"], 0.0)),
            "post_money": jnp.sum(jnp.where(v["alive"], v["last_post"], 0.0)),
            "rounds": rounds,
            "raised": raised,
        } | {name: jnp.sum(self.holds(firms, i)) for i, name in enumerate(level_names(self.rules))}
        return (firms, v, multiple, private), out

    def run(self, key):
        start, key = random.split(key)
        firms, v = self.begin(start)
        quarters = self.rules["quarters"]
        carry = (firms, v, jnp.float32(0.0), jnp.float32(0.0))
        return lax.scan(self.one_quarter, carry, (jnp.arange(quarters), random.split(key, quarters)))[1]


_compiled: dict[int, Any] = {}


def live(rules: dict[str, Any], seed: int) -> dict[str, np.ndarray]:
    """One replication: name -> [quarter]. The first call compiles."""
    if id(rules) not in _compiled:
        _compiled[id(rules)] = jax.jit(Zone(rules).run)
    out = jax.block_until_ready(_compiled[id(rules)](random.key(seed)))
    path = {name: np.asarray(x, np.float64) for name, x in out.items()}
    if path["alive"].max() >= sizes(rules)[0]:
        raise RuntimeError("too few slots for the firms of this world")
    return path


if __name__ == "__main__":
    main(live, f"JAX {jax.__version__}", warm=True)
