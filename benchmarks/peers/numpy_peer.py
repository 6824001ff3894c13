"""The yardstick in NumPy: columns of firms and of ventures, every rule an operation over whole columns.

Written to be as fast as NumPy lets it be: slots of firms that left are taken by entrants, so nothing is copied to close
gaps; draws are only made for whom they decide; conditions are looked at for those only who pass the first of them;
columns that are read once a year are written once a year. It keeps no cap tables, logs or further metrics.
"""

from typing import Any

import numpy as np

from benchmarks.peers.common import PRE_IPO, A, B, level_names, main

SQRT_HALF = 0.7071067811865476
FLOATS = [
    "log_revenue",
    "drift",
    "spread",
    "hazard",
    "shock",
    "rd_share",
    "standing",
    "year",
    "last",
    "before",
    "profit",
    "value",
    "jobs",
]
INTS = ["born", "sector", "held", "venture"]
VENTURE_FLOATS = ["log_value", "cash", "burn", "last_post", "goal"]
VENTURE_INTS = ["firm", "stage", "rounds", "last_round", "fails"]


class Table:
    """Columns with free rows; rows that fall free are taken again."""

    def __init__(self, floats: list[str], ints: list[str], rows: int, levels: int = 0) -> None:
        self.names = (*floats, *ints, "alive")
        for name in floats:
            setattr(self, name, np.zeros(rows))
        for name in ints:
            setattr(self, name, np.zeros(rows, np.int32))
        self.alive = np.zeros(rows, bool)
        self.levels = levels
        self.since = np.zeros((levels, rows), np.int32)
        self.renewals = np.zeros((levels, rows), np.int8)
        self.rows = 0  # used so far
        self.free = np.zeros(0, np.int64)

    def take(self, n: int) -> np.ndarray:
        """n rows, free ones first."""
        again = self.free[:n]
        self.free = self.free[n:]
        fresh = n - len(again)
        if self.rows + fresh > len(self.alive):
            self._grow(2 * (self.rows + fresh))
        rows = np.concatenate([again, np.arange(self.rows, self.rows + fresh)])
        self.rows += fresh
        self.alive[rows] = True
        return rows

    def release(self, rows: np.ndarray) -> None:
        self.alive[rows] = False
        self.free = np.concatenate([self.free, rows])

    def _grow(self, rows: int) -> None:
        for name in self.names:
            old = getattr(self, name)
            new = np.zeros(rows, old.dtype)
            new[: len(old)] = old
            setattr(self, name, new)
        for name in ("since", "renewals"):
            old = getattr(self, name)
            new = np.zeros((self.levels, rows), old.dtype)
            new[:, : old.shape[1]] = old
            setattr(self, name, new)


class World:
    def __init__(self, rules: dict[str, Any], seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.f, self.r = rules["firms"], rules["rounds"]
        self.f_arrays = {k: np.array(v) for k, v in self.f.items() if isinstance(v, list)}
        self.r_arrays = {k: np.array(v) for k, v in self.r.items() if isinstance(v, list)}
        self.cuts = np.cumsum(self.f_arrays["sector_mix"])[:-1]
        self.levels = rules["levels"]
        self.phase = rules["phase"]
        self.names = level_names(rules)
        self.stock = np.zeros(len(self.levels), np.int64)
        self.firms: Any = Table(FLOATS, INTS, int(1.4 * self.f["initial"]) + 64, len(self.levels))
        self.ventures: Any = Table(VENTURE_FLOATS, VENTURE_INTS, 256)
        m = rules["market"]
        self.market, self.multiple, self.private, self.change = m, 0.0, 0.0, 0.0

    def laplace(self, n: int) -> np.ndarray:
        """The difference of two exponentials: faster than Generator.laplace, which takes a logarithm."""
        x = self.rng.standard_exponential(n)
        x -= self.rng.standard_exponential(n)
        return x

    def by_age(self, name: str, age: np.ndarray) -> np.ndarray:
        table = self.f_arrays[name]
        return table[np.minimum(age, len(table) - 1)]

    def move_market(self) -> None:
        m, before = self.market, self.private
        self.multiple += -m["reversion"] * self.multiple + m["volatility"] * self.rng.standard_normal()
        self.private += m["lag"] * (self.multiple - self.private)
        self.change = self.private - before

    # ------------------------------------------------------------------------------------------------------- firms

    def found(self, n: int, born: np.ndarray, mean: np.ndarray | float, sd: float, quarter: int) -> np.ndarray:
        """n firms with their traits; returns their rows."""
        f, a, rng, t = self.f, self.f_arrays, self.rng, self.firms
        rows = t.take(n)
        sector = np.searchsorted(self.cuts, rng.random(n))
        age = quarter - born
        log_revenue = a["sector_size"][sector] + mean + sd * rng.standard_normal(n)
        size = log_revenue - f["reference_size"]
        revenue = np.exp(log_revenue)
        spread, hazard = self.spread_of(size), self.hazard_of(age, size)
        drift = self.by_age("drift_by_age", age)
        filed = np.where(age >= 4, revenue, 0.0)
        earlier = revenue * np.exp(-4.0 * drift - 2.0 * spread * self.laplace(n)) if quarter == 0 else 0.0
        t.sector[rows], t.born[rows] = sector, born
        t.log_revenue[rows], t.drift[rows], t.spread[rows], t.hazard[rows] = log_revenue, drift, spread, hazard
        t.rd_share[rows] = np.minimum(np.exp(a["rd_log_median"][sector] + f["rd_log_sd"] * rng.standard_normal(n)), 0.9)
        t.standing[rows] = rng.random(n)
        t.year[rows], t.last[rows], t.before[rows] = 0.0, filed, np.where(age >= 8, earlier, 0.0)
        t.profit[rows] = self.margin_of(sector, size) * filed
        t.value[rows] = filed * a["price_to_sales"][sector] * np.exp(self.multiple)
        t.jobs[rows] = self.jobs_of(sector, log_revenue, 0.0)
        t.held[rows], t.venture[rows] = 0, -1
        return rows

    def spread_of(self, size: np.ndarray) -> np.ndarray:
        f = self.f
        return np.clip(f["spread"] * np.exp(-f["spread_size"] * size), f["spread_floor"], f["spread_ceiling"])

    def hazard_of(self, age: np.ndarray, size: np.ndarray) -> np.ndarray:
        f = self.f
        young = self.by_age("hazard_by_age", age) * np.exp(-f["exit_size"] * size)
        return np.minimum(f["exit_floor"] + young, f["exit_ceiling"])

    def margin_of(self, sector: np.ndarray, size: np.ndarray) -> np.ndarray:
        f = self.f
        return np.clip(
            self.f_arrays["margin"][sector] + f["margin_slope"] * size, f["margin_floor"], f["margin_ceiling"]
        )

    def jobs_of(self, sector: np.ndarray, log_revenue: np.ndarray, productivity: float) -> np.ndarray:
        log_jobs = self.f["jobs_elasticity"] * log_revenue
        log_jobs += self.f_arrays["jobs_base"][sector] - productivity
        return np.maximum(np.exp(log_jobs, out=log_jobs), 1.0)

    def start(self) -> None:
        n = int(self.f["initial"])
        born = -(4.0 * self.f["initial_age"] * self.rng.standard_exponential(n)).astype(np.int32)
        mean = self.f["entry_log_median"] + self.f["initial_growth"] * np.minimum(-0.25 * born, 20.0)
        rows = self.found(n, born, mean, self.f["initial_log_sd"], 0)
        young = rows[born == 0]  # founded in the quarter of the start, as entrants are in later ones
        v = self.fund_founders(young[self.rng.random(len(young)) < self.f["venture_share"]], 0)
        # the start stands at any moment of its quarter
        self.ventures.cash[v] += self.ventures.burn[v] * (self.rng.random(len(v)) - 0.5)

    def admit(self, quarter: int) -> int:
        n = self.rng.poisson(self.f["entrants"])
        rows = self.found(n, np.full(n, quarter), self.f["entry_log_median"], self.f["entry_log_sd"], quarter)
        self.fund_founders(rows[self.rng.random(n) < self.f["venture_share"]], quarter)
        return n

    def grow(self) -> float:
        """Growth and revenue; returns the quarter's output."""
        t = self.firms
        n = t.rows
        t.shock[:n] = self.laplace(n)
        step = t.spread[:n] * t.shock[:n]
        step += t.drift[:n]
        step += self.f["market_loading"] * self.change
        x = t.log_revenue[:n]
        x += step
        np.clip(x, 0.0, 34.0, out=x)
        revenue = np.exp(x, out=step)
        revenue *= 0.25
        t.year[:n] += revenue
        return float(revenue @ t.alive[:n].astype(float))  # mixed types would leave BLAS out

    def close(self) -> None:
        """Exits. A venture with cash in hand does not die of the population's hazard."""
        t, v = self.firms, self.ventures
        n = t.rows
        rows = np.flatnonzero((self.rng.random(n) < t.hazard[:n]) & t.alive[:n])
        own = t.venture[rows]
        rows = rows[(own < 0) | (v.cash[own] <= 0.0)]
        own = t.venture[rows]
        v.release(own[own >= 0])
        self.remove(rows)

    def remove(self, rows: np.ndarray) -> None:
        t = self.firms
        held = t.held[rows]
        some = held[held != 0]
        for level in range(len(self.levels)):
            self.stock[level] -= np.count_nonzero(some & (1 << level))
        t.held[rows], t.venture[rows] = 0, -1
        t.release(rows)

    def file_accounts(self, quarter: int) -> None:
        """What the year's accounts say, and what follows from them next year."""
        t, f, a = self.firms, self.f, self.f_arrays
        n = t.rows
        x, sector = t.log_revenue[:n], t.sector[:n]
        age = quarter + 1 - t.born[:n]
        size = x - f["reference_size"]
        t.before[:n] = t.last[:n]
        last = np.where(age >= 4, t.year[:n], np.exp(x))
        t.last[:n], t.year[:n] = last, 0.0
        t.spread[:n] = self.spread_of(size)
        t.hazard[:n] = self.hazard_of(age, size)
        t.drift[:n] = self.by_age("drift_by_age", age)
        t.profit[:n] = self.margin_of(sector, size) * last
        t.jobs[:n] = self.jobs_of(sector, x, f["productivity_growth"] * 0.25 * quarter)
        t.value[:n] = a["price_to_sales"][sector] * last * np.exp(self.multiple)

    def drift_research(self) -> None:
        t = self.firms
        step = self.laplace(t.rows)
        step *= SQRT_HALF * self.f["rd_drift"]
        rd = t.rd_share[: t.rows]
        rd *= np.exp(step, out=step)
        np.clip(rd, 0.001, 0.9, out=rd)

    def favour_certified(self) -> None:
        t = self.firms
        n = t.rows
        certified = np.flatnonzero(t.held[:n] & (1 << self.f["certificate"]))
        t.drift[certified] += self.f["certified_growth"]
        t.hazard[certified] *= self.f["certified_hazard"]

    # ----------------------------------------------------------------------------------------------------- ladders

    def meets(self, rows: np.ndarray, sets: list, quarter: int) -> np.ndarray:
        """Which of the firms meet one of the alternative sets."""
        known: dict[str, np.ndarray] = {}
        for conditions in sets:
            for what, _, _ in conditions:
                if what not in known:
                    known[what] = self.measure(what, rows, quarter)
        good = np.zeros(len(rows), bool)
        for conditions in sets:
            one = np.ones(len(rows), bool)
            for what, low, high in conditions:
                x = known[what]
                if low > -np.inf:
                    one &= x >= low
                if high < np.inf:
                    one &= x <= high
            good |= one
        return good

    def measure(self, what: str, rows: np.ndarray, quarter: int) -> np.ndarray:
        t = self.firms
        if what == "age":
            return 0.25 * (quarter - t.born[rows])
        if what == "growth":
            before = t.before[rows]
            return np.where(before > 0.0, t.last[rows] / np.maximum(before, 1e-300) - 1.0, 0.0)
        if what == "value":
            own = t.venture[rows]
            latent = np.exp(self.ventures.log_value[own] + self.multiple)
            return np.where(own >= 0, latent, t.value[rows])
        return {"revenue": t.last, "rd_share": t.rd_share, "profit": t.profit, "standing": t.standing}[what][rows]

    def leave(self, rows: np.ndarray, level: int) -> None:
        self.firms.held[rows] &= ~(1 << level)
        self.stock[level] -= len(rows)

    def enter(self, rows: np.ndarray, level: int, quarter: int) -> None:
        t = self.firms
        replaces = self.levels[level]["replaces"]
        if replaces:
            for other in range(level):
                if replaces >> other & 1:
                    self.leave(rows[t.held[rows] >> other & 1 != 0], other)
        t.held[rows] |= 1 << level
        t.since[level, rows] = quarter
        t.renewals[level, rows] = 0
        self.stock[level] += len(rows)

    def climb(self, quarter: int) -> None:
        t, rng = self.firms, self.rng
        now = (self.phase + quarter) % 4
        n = t.rows
        concerned = 0
        for i, level in enumerate(self.levels):
            if level["withdraws"] > 0.0:
                concerned |= 1 << i
            if level["requires"] >= 0 and now in level["windows"]:
                concerned |= 1 << level["requires"]
        watched = np.flatnonzero(t.held[:n] & concerned)
        for i in reversed(range(len(self.levels))):
            level = self.levels[i]
            if level["validity"] and now in level["windows"]:
                self.renew(i, quarter)
            if level["withdraws"] > 0.0:
                holders = watched[t.held[watched] >> i & 1 != 0]
                gone = holders[rng.random(len(holders)) < level["withdraws"]]
                self.leave(gone, i)
                lower = level["falls_to"]
                if lower >= 0:
                    self.enter(gone[t.held[gone] >> lower & 1 == 0], lower, quarter)
        for i in reversed(range(len(self.levels))):
            level = self.levels[i]
            if now not in level["windows"]:
                continue
            needed = level["requires"]
            if needed >= 0:
                rows = watched[(t.held[watched] >> needed & 1 != 0) & (t.held[watched] & level["barred"] == 0)]
                rows = rows[quarter - t.since[needed, rows] >= level["wait"]]
            else:
                least = min(max((low for what, low, _ in s if what == "revenue"), default=0.0) for s in level["sets"])
                rows = np.flatnonzero((t.held[:n] & level["barred"] == 0) & t.alive[:n] & (t.last[:n] >= least))
            rows = rows[rng.random(len(rows)) < level["odds"]]  # most conditions are then not asked for
            rows = rows[self.meets(rows, level["sets"], quarter)]
            if 0 <= level["quota"] < len(rows):
                rows = rng.choice(rows, level["quota"], replace=False)
            self.enter(rows, i, quarter)

    def renew(self, i: int, quarter: int) -> None:
        t, level = self.firms, self.levels[i]
        holders = np.flatnonzero(t.held[: t.rows] & (1 << i))
        due = holders[t.since[i, holders] <= quarter - level["validity"]]
        odds = np.array(level["renewal"])
        kept = self.rng.random(len(due)) < odds[np.minimum(t.renewals[i, due], len(odds) - 1)]
        t.since[i, due[kept]] = quarter
        t.renewals[i, due[kept]] += 1
        self.leave(due[~kept], i)

    # ---------------------------------------------------------------------------------------------------- ventures

    def fund_founders(self, firms: np.ndarray, quarter: int) -> np.ndarray:
        """Make the firms ventures; returns their rows as such."""
        r, v, rng, n = self.r, self.ventures, self.rng, len(firms)
        rows = v.take(n)
        self.firms.venture[firms] = rows
        v.firm[rows] = firms
        v.log_value[rows] = r["value_log_median"] + r["value_log_sd"] * rng.standard_normal(n)
        burn = r["founder_burn"] * np.exp(0.5 * rng.standard_normal(n))
        v.burn[rows] = burn
        v.cash[rows] = burn * r["founder_runway"] * (0.3 + 1.4 * rng.random(n))
        v.stage[rows], v.rounds[rows], v.fails[rows] = 0, 0, 0
        v.last_post[rows], v.goal[rows], v.last_round[rows] = 0.0, r["goal_log"], quarter
        return rows

    def move_values(self, quarter: int) -> None:
        t, v, r, a = self.firms, self.ventures, self.r, self.r_arrays
        rows = np.flatnonzero(v.alive[: v.rows])
        firm, stage = v.firm[rows], v.stage[rows]
        common = (r["correlation"] * SQRT_HALF) * t.shock[firm]
        common += np.sqrt(1.0 - r["correlation"] ** 2) * self.rng.standard_normal(len(rows))
        reached = np.searchsorted(a["stage_floor_log"][A:], v.log_value[rows])  # floors from A on below the value
        moves_as = np.where(reached > 0, np.maximum(stage, A - 1 + reached), stage)
        step = a["value_drift"][moves_as] + a["value_volatility"][moves_as] * common
        v.log_value[rows] = np.clip(v.log_value[rows] + step, 9.0, 30.0)
        v.cash[rows] -= v.burn[rows]
        young = (stage > 0) & (quarter - v.last_round[rows] <= r["funded_quarters"])
        fed = firm[young]
        t.log_revenue[fed] = np.minimum(t.log_revenue[fed] + a["funded_growth"][stage[young]], 34.0)

    def who_raises(self, quarter: int) -> np.ndarray:
        v, r = self.ventures, self.r
        n = v.rows
        since, fails = quarter - v.last_round[:n], v.fails[:n]
        asks = v.alive[:n] & (fails < r["patience"]) & ((fails == 0) | (since % r["retry"] == 0))
        asks &= v.rounds[:n] < 12
        rows = np.flatnonzero(asks)
        carried = (v.rounds[rows] > 0) & (self.firms.profit[v.firm[rows]] > 4.0 * v.burn[rows])
        better = (v.rounds[rows] > 0) & (since[rows] >= r["least_gap"]) & (v.log_value[rows] > v.goal[rows])
        better &= ~(carried & (v.stage[rows] == PRE_IPO))
        return rows[better | ((v.cash[rows] < r["short_runway"] * v.burn[rows]) & ~carried)]

    def stage_for(self, last: np.ndarray, pre: np.ndarray, firm: np.ndarray) -> np.ndarray:
        """One on from the last where the price (pre: a normal market's) is in reach; a first round may skip up to B,
        that of a profitable firm on its way to a listing up to the last."""
        floor = self.r_arrays["stage_floor"]
        further = np.minimum(last + 1, len(floor) - 1)
        stage = np.where(pre < floor[further], last, further)
        first = last == 0
        if first.any():
            x, s, firm = pre[first], np.ones(np.count_nonzero(first), np.int32), firm[first]
            mature = (self.firms.held[firm] & self.r["listing_levels"] != 0) & (self.firms.profit[firm] > 0.0)
            for k in range(1, PRE_IPO):
                s += (s == k) & (x > floor[k + 1] * self.r["skip_factor"]) & (mature | (k < B))
            stage[first] = s
        return stage

    def raise_rounds(self, quarter: int) -> tuple[int, float]:
        """Rounds of the quarter: how many and how much."""
        v, r, a, rng = self.ventures, self.r, self.r_arrays, self.rng
        rows = self.who_raises(quarter)
        n = len(rows)
        fails = v.fails[rows]
        pre = np.exp(
            v.log_value[rows] + self.private + r["bargaining"] * rng.standard_normal(n) - r["concession"] * fails
        )
        stage = self.stage_for(v.stage[rows], pre * np.exp(-self.private), v.firm[rows])
        part = np.clip(a["dilution"][stage] * np.exp(r["dilution_sd"] * rng.standard_normal(n)), 0.02, 0.45)
        amount = pre * part / (1.0 - part)
        asks = amount >= r["least_cheque"]
        rows, pre, stage, amount, fails = rows[asks], pre[asks], stage[asks], amount[asks], fails[asks]
        n = len(rows)
        promise = v.log_value[rows] - a["centre"][stage] - r["distrust"] * fails
        says_yes = 1.0 / (1.0 + np.exp(-(r["mood_multiple"] * self.private + r["selective"] * promise)))
        led = rng.random(n) < 2.0 * a["outside_lead"][stage] * says_yes
        c = rng.random(n)
        part = np.minimum(r["lead_share"] + a["outside_share"][stage] * 2.0 * c, 1.0)
        closes = led & (part >= r["least_part"])
        lost = rows[~closes]
        v.fails[lost] += 1
        v.burn[lost] *= np.where(v.fails[lost] <= r["burn_cuts"], r["burn_cut"], 1.0)
        rows, stage = rows[closes], stage[closes]
        got = (amount * part)[closes]
        n = len(rows)
        v.goal[rows] = a["step_up"][stage] * np.exp(r["step_up_sd"] * rng.standard_normal(n))
        v.cash[rows] += got
        v.burn[rows] = v.cash[rows] / (a["runway"][stage] * np.exp(0.25 * rng.standard_normal(n)))
        v.last_post[rows] = pre[closes] + got
        v.goal[rows] += np.log(v.last_post[rows]) - self.private  # the log value at which it goes raising again
        v.rounds[rows] += 1
        v.stage[rows], v.last_round[rows], v.fails[rows] = stage, quarter, 0
        return n, float(got.sum())

    def end_broke(self) -> None:
        """Ventures out of cash: carried by profit, bootstrapped, bridged, or liquidated."""
        t, v, r = self.firms, self.ventures, self.r
        rows = np.flatnonzero(v.alive[: v.rows] & (v.cash[: v.rows] < 0.0))
        v.cash[rows] = 0.0
        u = self.rng.random(len(rows))
        firm, first = v.firm[rows], v.stage[rows] == 0
        carried = (t.profit[firm] > v.burn[rows]) | (first & (u < r["bootstraps"]))
        bridged = ~carried & ~first & (u < r["bridge"])
        v.burn[rows[carried & ~first]] = 0.0
        kept = rows[bridged]
        v.cash[kept] += r["bridge_quarters"] * v.burn[kept]
        v.burn[kept] *= r["bridge_cut"]
        ordinary = carried & first
        t.venture[firm[ordinary]] = -1
        over = ~carried & ~bridged
        v.release(rows[ordinary | over])
        self.remove(firm[over].astype(np.int64))


def live(rules: dict[str, Any], seed: int) -> dict[str, np.ndarray]:
    """One replication: name -> [quarter]."""
    w = World(rules, seed)
    quarters = rules["quarters"]
    names = ("alive", "entered", "output", "jobs", "post_money", "rounds", "raised", *w.names)
    out = {name: np.zeros(quarters) for name in names}
    for quarter in range(quarters):
        w.move_market()
        if quarter == 0:
            w.change = 0.0
            w.start()
        else:
            out["entered"][quarter] = w.admit(quarter)
        out["output"][quarter] = w.grow()
        if quarter > 0:
            w.close()
            w.move_values(quarter)
            out["rounds"][quarter], out["raised"][quarter] = w.raise_rounds(quarter)
            w.climb(quarter)
            w.end_broke()
        if (w.phase + quarter) % 4 == 3:
            if quarter > 0:
                w.file_accounts(quarter)
                w.drift_research()
                w.favour_certified()
            else:  # the accounts of the start stand for the year that ends with it
                w.firms.year[: w.firms.rows] = 0.0
        t, v = w.firms, w.ventures
        out["alive"][quarter] = t.rows - len(t.free)
        out["jobs"][quarter] = t.jobs[: t.rows] @ t.alive[: t.rows].astype(float)
        out["post_money"][quarter] = v.last_post[: v.rows].sum(where=v.alive[: v.rows])
        for k, name in enumerate(w.names):
            out[name][quarter] = w.stock[k]
    return out


if __name__ == "__main__":
    main(live, f"NumPy {np.__version__}")
