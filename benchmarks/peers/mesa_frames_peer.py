"""The yardstick in mesa-frames: two sets of agents, firms and ventures, each a Polars table that a quarter rewrites.

Rules are expressions over columns; draws come from NumPy as new columns; ladders are kept as one column of bits and,
for each level, one of dates and one of renewals. Ventures find their firm's shock and profit by a join.
"""

from importlib.metadata import version
from math import exp, sqrt
from typing import Any

import numpy as np
import polars as pl
from mesa_frames import AgentSetPolars, ModelDF

from benchmarks.peers.common import PRE_IPO, A, B, level_names, main

SQRT_HALF = sqrt(0.5)
FIRST_VENTURE = 1 << 40  # mesa-frames wants identities that are unique over all sets


def lookup(table: list[float], index: pl.Expr) -> pl.Expr:
    """table[index], the last entry for all beyond."""
    values = pl.lit(pl.Series(table))
    return values.gather(index.clip(0, len(table) - 1))


def any_of(expressions: list[pl.Expr]) -> pl.Expr:
    out = expressions[0]
    for other in expressions[1:]:
        out = out | other
    return out


class Agents(AgentSetPolars):
    def __init__(self, model: "Zone") -> None:
        super().__init__(model)
        self._mask = pl.lit(True)  # all are active: spares the set a test of membership at every change


class Firms(Agents):
    def draw(self, **kinds: str) -> None:
        """New columns of draws."""
        rng, n = self.model.draws, len(self.agents)
        columns = []
        for name, kind in kinds.items():
            if kind == "laplace":
                x = rng.standard_exponential(n) - rng.standard_exponential(n)
            else:
                x = getattr(rng, kind)(n)
            columns.append(pl.Series(name, x))
        self.agents = self.agents.with_columns(columns)

    def found(self, age: np.ndarray, mean: Any, sd: float) -> np.ndarray:
        """Firms with their traits; returns their identities."""
        m, n = self.model, len(age)
        f, rng = m.firm_rules, m.draws
        ids = np.arange(m.next_id, m.next_id + n)
        m.next_id += n
        sector = np.searchsorted(np.cumsum(f["sector_mix"])[:-1], rng.random(n))
        own = np.array(f["sector_size"])[sector] + mean + sd * rng.standard_normal(n)
        rd = np.minimum(np.exp(np.array(f["rd_log_median"])[sector] + f["rd_log_sd"] * rng.standard_normal(n)), 0.9)
        new = pl.DataFrame(
            {
                "unique_id": ids,
                "born": (m.quarter - age).astype(np.int64),
                "sector": sector.astype(np.int64),
                "log_revenue": own,
                "shock": rng.standard_exponential(n) - rng.standard_exponential(n),
                "rd_share": rd,
                "standing": rng.random(n),
                "year": np.zeros(n),
                "cash": np.zeros(n),
                "held": np.zeros(n, np.int64),
            }
        )
        new = new.with_columns(self.by_accounts(m.quarter, 0.0))
        new = new.with_columns(
            last=pl.when(m.quarter - pl.col("born") >= 4).then(pl.col("log_revenue").exp()).otherwise(0.0)
        )
        year_before = pl.col("last") * (-4.0 * pl.col("drift") - 2.0 * pl.col("spread") * pl.col("shock")).exp()
        new = new.with_columns(
            *self.by_filed(),
            before=pl.when(m.quarter - pl.col("born") >= 8).then(year_before).otherwise(0.0),
            **{f"since_{i}": pl.lit(0, pl.Int64) for i in range(len(m.levels))},
            **{f"renewals_{i}": pl.lit(0, pl.Int64) for i in range(len(m.levels))},
        )
        self.add(new)
        return ids

    def by_accounts(self, quarter: int, productivity: float) -> list[pl.Expr]:
        f = self.model.firm_rules
        size, age = pl.col("log_revenue") - f["reference_size"], quarter - pl.col("born")
        young = lookup(f["hazard_by_age"], age) * (-f["exit_size"] * size).exp()
        log_jobs = lookup(f["jobs_base"], pl.col("sector")) - productivity
        spread = f["spread"] * (-f["spread_size"] * size).exp()
        return [
            spread.clip(f["spread_floor"], f["spread_ceiling"]).alias("spread"),
            (f["exit_floor"] + young).clip(upper_bound=f["exit_ceiling"]).alias("hazard"),
            lookup(f["drift_by_age"], age).alias("drift"),
            (log_jobs + f["jobs_elasticity"] * pl.col("log_revenue")).exp().clip(1.0).alias("jobs"),
        ]

    def by_filed(self) -> list[pl.Expr]:
        f = self.model.firm_rules
        size = pl.col("log_revenue") - f["reference_size"]
        margin = lookup(f["margin"], pl.col("sector")) + f["margin_slope"] * size
        value = lookup(f["price_to_sales"], pl.col("sector")) * pl.col("last") * float(np.exp(self.model.multiple))
        return [
            (margin.clip(f["margin_floor"], f["margin_ceiling"]) * pl.col("last")).alias("profit"),
            value.alias("value"),
        ]

    def grow(self) -> None:
        self.draw(shock="laplace", leaves="random")
        step = pl.col("drift") + self.model.common + pl.col("spread") * pl.col("shock")
        self.agents = self.agents.with_columns(log_revenue=(pl.col("log_revenue") + step).clip(0.0, 34.0))
        self.agents = self.agents.with_columns(year=pl.col("year") + 0.25 * pl.col("log_revenue").exp())
        self.model.output = 0.25 * self.agents.select(pl.col("log_revenue").exp().sum()).item()

    def close(self) -> None:
        gone = self.agents.filter((pl.col("leaves") < pl.col("hazard")) & (pl.col("cash") <= 0.0))["unique_id"]
        self.leave(gone)

    def leave(self, gone: pl.Series) -> None:
        if len(gone):
            self.model.ventures.let_go(gone)
            self.agents = self.agents.filter(~pl.col("unique_id").is_in(gone.implode()))

    def close_year(self) -> None:
        m, f = self.model, self.model.firm_rules
        if m.quarter == 0:  # the accounts of the start stand for the year that ends with it
            self.agents = self.agents.with_columns(year=pl.lit(0.0))
            return
        filed = pl.when(m.quarter + 1 - pl.col("born") >= 4).then("year").otherwise(pl.col("log_revenue").exp())
        self.agents = self.agents.with_columns(before=pl.col("last"), last=filed, year=pl.lit(0.0))
        self.agents = self.agents.with_columns(
            *self.by_accounts(m.quarter + 1, f["productivity_growth"] * 0.25 * m.quarter), *self.by_filed()
        )
        self.draw(u="laplace")
        certified = pl.col("held") & (1 << f["certificate"]) != 0
        self.agents = self.agents.with_columns(
            rd_share=(pl.col("rd_share") * (SQRT_HALF * f["rd_drift"] * pl.col("u")).exp()).clip(0.001, 0.9),
            drift=pl.col("drift") + pl.when(certified).then(f["certified_growth"]).otherwise(0.0),
            hazard=pl.col("hazard") * pl.when(certified).then(f["certified_hazard"]).otherwise(1.0),
        )

    # ----------------------------------------------------------------------------------------------------- ladders

    def climb(self) -> None:
        m = self.model
        for i, level in reversed(list(enumerate(m.levels))):
            if level["validity"] and m.now in level["windows"]:
                self.renew(i, level)
            if level["withdraws"] > 0.0:
                self.withdraw(i, level)
        growth = pl.when(pl.col("before") > 0.0).then(pl.col("last") / pl.col("before") - 1.0).otherwise(0.0)
        whole = (pl.col("log_value") + m.multiple).exp()
        known = {"age": 0.25 * (m.quarter - pl.col("born")), "revenue": pl.col("last"), "growth": growth}
        known["value"] = pl.coalesce(whole, pl.col("value"))
        for i, level in reversed(list(enumerate(m.levels))):
            if m.now in level["windows"]:
                self.apply(i, level, known)

    def enter(self, who: pl.Expr, i: int) -> None:
        keep = ~self.model.levels[i]["replaces"]
        self.agents = self.agents.with_columns(
            pl.when(who).then(pl.col("held") & keep | 1 << i).otherwise("held").alias("held"),
            pl.when(who).then(self.model.quarter).otherwise(f"since_{i}").alias(f"since_{i}"),
            pl.when(who).then(0).otherwise(f"renewals_{i}").alias(f"renewals_{i}"),
        )

    def renew(self, i: int, level: dict[str, Any]) -> None:
        quarter = self.model.quarter
        self.draw(u="random")
        due = (pl.col("held") & (1 << i) != 0) & (pl.col(f"since_{i}") <= quarter - level["validity"])
        kept = pl.col("u") < lookup(level["renewal"], pl.col(f"renewals_{i}"))
        self.agents = self.agents.with_columns(
            pl.when(due & ~kept).then(pl.col("held") & ~(1 << i)).otherwise("held").alias("held"),
            pl.when(due & kept).then(quarter).otherwise(f"since_{i}").alias(f"since_{i}"),
            (pl.col(f"renewals_{i}") + (due & kept)).alias(f"renewals_{i}"),
        )

    def withdraw(self, i: int, level: dict[str, Any]) -> None:
        self.draw(u="random")
        gone = (pl.col("held") & (1 << i) != 0) & (pl.col("u") < level["withdraws"])
        self.agents = self.agents.with_columns(gone=gone)
        self.agents = self.agents.with_columns(held=pl.when("gone").then(pl.col("held") & ~(1 << i)).otherwise("held"))
        if level["falls_to"] >= 0:
            self.enter(pl.col("gone"), level["falls_to"])

    def apply(self, i: int, level: dict[str, Any], known: dict[str, pl.Expr]) -> None:
        self.draw(u="random")
        sets = []
        for conditions in level["sets"]:
            one = pl.col("u") < level["odds"]
            for what, low, high in conditions:
                x = known.get(what, pl.col(what))
                if low > -np.inf:
                    one = one & (x >= low)
                if high < np.inf:
                    one = one & (x <= high)
            sets.append(one)
        passes = any_of(sets) & (pl.col("held") & level["barred"] == 0)
        needed = level["requires"]
        if needed >= 0:
            passes = passes & (pl.col("held") & (1 << needed) != 0)
            passes = passes & (self.model.quarter - pl.col(f"since_{needed}") >= level["wait"])
        if level["quota"] >= 0:
            rank = pl.when(passes).then("u").otherwise(2.0).rank("ordinal")
            passes = passes & (rank <= level["quota"])
        self.enter(passes, i)

    def step(self) -> None:
        pass


class Ventures(Agents):
    def found(self, firms: np.ndarray, either_way: float = 0.0) -> None:
        """Make the firms ventures. either_way: by how many quarters of burn their cash may differ for the moment of the
        quarter at which they stand."""
        m, n = self.model, len(firms)
        r, rng = m.rounds_rules, m.draws
        burn = r["founder_burn"] * np.exp(0.5 * rng.standard_normal(n))
        self.add(
            pl.DataFrame(
                {
                    "unique_id": FIRST_VENTURE + firms,
                    "firm": firms,
                    "log_value": r["value_log_median"] + r["value_log_sd"] * rng.standard_normal(n),
                    "burn": burn,
                    "cash": burn
                    * (r["founder_runway"] * (0.3 + 1.4 * rng.random(n)) + either_way * (2.0 * rng.random(n) - 1.0)),
                    "goal": np.full(n, r["goal_log"]),
                    "last_post": np.zeros(n),
                    "last_round": np.full(n, m.quarter),
                    **{name: np.zeros(n, np.int64) for name in ("stage", "rounds", "fails")},
                }
            )
        )

    def let_go(self, firms: pl.Series) -> None:
        self.agents = self.agents.filter(~pl.col("firm").is_in(firms.implode()))

    def seek_money(self) -> None:
        """Values move, cash burns, rounds are tried for; the rounds of the quarter are counted."""
        m, n = self.model, len(self.agents)
        r, rng, quarter = m.rounds_rules, m.draws, m.quarter
        v, firms = pl.col, m.firms.agents
        known = firms.select("unique_id", "shock", "profit", "held")
        table = self.agents.join(known, left_on="firm", right_on="unique_id", how="left")
        normals = {f"z{k}": rng.standard_normal(n) for k in range(5)}
        table = table.with_columns(**normals, u=rng.random(n), c=rng.random(n))
        common = r["correlation"] * SQRT_HALF * v("shock") + sqrt(1.0 - r["correlation"] ** 2) * v("z0")
        reached = pl.sum_horizontal((v("log_value") > x).cast(pl.Int64) for x in r["stage_floor_log"][A:])
        moves_as = pl.when(reached > 0).then(pl.max_horizontal("stage", A - 1 + reached)).otherwise("stage")
        step = lookup(r["value_drift"], moves_as) + lookup(r["value_volatility"], moves_as) * common
        since = quarter - v("last_round")
        table = table.with_columns(log_value=(v("log_value") + step).clip(9.0, 30.0), cash=v("cash") - v("burn"))
        young = (v("stage") > 0) & (since <= r["funded_quarters"])
        fed = table.filter(young).select("firm", fed=lookup(r["funded_growth"], v("stage")))
        may = (v("fails") < r["patience"]) & (v("rounds") < 12) & ((v("fails") == 0) | (since % r["retry"] == 0))
        carried = (v("rounds") > 0) & (v("profit") > 4.0 * v("burn"))
        better = (v("rounds") > 0) & (since >= r["least_gap"]) & (v("log_value") > v("goal"))
        better &= ~(carried & (v("stage") == PRE_IPO))
        short = (v("cash") < r["short_runway"] * v("burn")) & ~carried
        price = v("log_value") + m.private + r["bargaining"] * v("z1") - r["concession"] * v("fails")
        table = table.with_columns(asks=may & (better | short), pre=price.exp())
        floor, top = r["stage_floor"], len(r["stage_floor"]) - 1
        further = (v("stage") + 1).clip(0, top)
        normal = v("pre") * exp(-m.private)
        later = pl.when(normal < lookup(floor, further)).then("stage").otherwise(further)
        first = pl.lit(1, pl.Int64)
        mature = (v("held") & r["listing_levels"] != 0) & (v("profit") > 0.0)
        for k in range(1, PRE_IPO):
            further_on = (normal > floor[k + 1] * r["skip_factor"]) & (mature if k >= B else True)
            first = pl.when((first == k) & further_on).then(k + 1).otherwise(first)
        table = table.with_columns(next=pl.when(v("stage") == 0).then(first).otherwise(later))
        part = (lookup(r["dilution"], v("next")) * (r["dilution_sd"] * v("z2")).exp()).clip(0.02, 0.45)
        table = table.with_columns(amount=v("pre") * part / (1.0 - part))
        promise = v("log_value") - lookup(r["centre"], v("next")) - r["distrust"] * v("fails")
        says_yes = 1.0 / (1.0 + (-(r["mood_multiple"] * m.private + r["selective"] * promise)).exp())
        led = v("u") < 2.0 * lookup(r["outside_lead"], v("next")) * says_yes
        taken = (r["lead_share"] + lookup(r["outside_share"], v("next")) * 2.0 * v("c")).clip(0.0, 1.0)
        table = table.with_columns(asks=v("asks") & (v("amount") >= r["least_cheque"]), got=v("amount") * taken)
        table = table.with_columns(closes=v("asks") & led & (taken >= r["least_part"]))
        table = table.with_columns(lost=v("asks") & ~v("closes"))
        cut = v("lost") & (v("fails") + 1 <= r["burn_cuts"])
        runway = lookup(r["runway"], v("next")) * (0.25 * v("z3")).exp()
        closes = pl.when(v("closes"))
        reached = (v("pre") + v("got")).log() - m.private  # goal: the log value at which it goes raising again
        self.agents = table.select(
            "unique_id",
            "firm",
            "log_value",
            closes.then((v("cash") + v("got")) / runway)
            .otherwise(v("burn") * pl.when(cut).then(r["burn_cut"]).otherwise(1.0))
            .alias("burn"),
            closes.then(v("cash") + v("got")).otherwise("cash").alias("cash"),
            closes.then(lookup(r["step_up"], v("next")) * (r["step_up_sd"] * v("z4")).exp() + reached)
            .otherwise("goal")
            .alias("goal"),
            closes.then(v("pre") + v("got")).otherwise("last_post").alias("last_post"),
            closes.then(quarter).otherwise("last_round").alias("last_round"),
            closes.then("next").otherwise("stage").alias("stage"),
            (v("rounds") + v("closes")).alias("rounds"),
            closes.then(0).otherwise(v("fails") + v("lost")).alias("fails"),
        )
        m.rounds = int(table["closes"].sum())
        m.raised = float(table.select((v("got") * v("closes")).sum()).item())
        firms = firms.join(fed, left_on="unique_id", right_on="firm", how="left")
        grown = (pl.col("log_revenue") + pl.col("fed").fill_null(0.0)).clip(0.0, 34.0)
        m.firms.agents = firms.with_columns(log_revenue=grown).drop("fed")

    def tell_firms(self) -> None:
        """Cash and value of the ventures, as columns of their firms."""
        firms = self.model.firms
        own = self.agents.select("firm", "cash", "log_value")
        known = firms.agents.drop("cash", "log_value", strict=False)
        known = known.join(own, left_on="unique_id", right_on="firm", how="left")
        firms.agents = known.with_columns(pl.col("cash").fill_null(0.0))

    def end_broke(self) -> None:
        m, r, v = self.model, self.model.rounds_rules, pl.col
        broke = self.agents.filter(v("cash") < 0.0)
        if len(broke) == 0:
            return
        profit = m.firms.agents.select("unique_id", "profit")
        broke = broke.join(profit, left_on="firm", right_on="unique_id", how="left")
        broke = broke.with_columns(u=m.draws.random(len(broke)), first=v("stage") == 0)
        broke = broke.with_columns(
            carried=(v("profit") > v("burn")) | (v("first") & (v("u") < r["bootstraps"])),
            bridged=~v("first") & (v("u") < r["bridge"]),
        )
        ordinary = broke.filter(v("carried") & v("first"))["unique_id"]
        over = broke.filter(~v("carried") & ~v("bridged"))["firm"]
        kept = broke.filter(v("carried") & ~v("first")).select("unique_id", new_burn=pl.lit(0.0), new_cash=pl.lit(0.0))
        bridged = broke.filter(~v("carried") & v("bridged")).select(
            "unique_id", new_burn=v("burn") * r["bridge_cut"], new_cash=v("burn") * r["bridge_quarters"]
        )
        changed = self.agents.join(pl.concat([kept, bridged]), on="unique_id", how="left")
        changed = changed.with_columns(
            burn=pl.coalesce("new_burn", "burn"), cash=pl.coalesce("new_cash", v("cash").clip(0.0))
        )
        changed = changed.filter(~v("unique_id").is_in(ordinary.implode()))
        self.agents = changed.drop("new_burn", "new_cash")
        m.firms.leave(over)

    def step(self) -> None:
        pass


class Zone(ModelDF):
    def __init__(self, rules: dict[str, Any], seed: int) -> None:
        super().__init__(seed)
        self.draws = np.random.default_rng(seed)
        self.firm_rules, self.rounds_rules, self.market = rules["firms"], rules["rounds"], rules["market"]
        self.levels, self.phase, self.quarter, self.next_id = rules["levels"], rules["phase"], 0, 0
        self.multiple = self.private = self.common = 0.0
        self.firms, self.ventures = Firms(self), Ventures(self)
        self.agents += self.firms
        self.agents += self.ventures
        self.firms, self.ventures = self.agents._agentsets
        f, n = self.firm_rules, self.firm_rules["initial"]
        age = (4.0 * f["initial_age"] * self.draws.standard_exponential(n)).astype(int)
        mean = f["entry_log_median"] + f["initial_growth"] * np.minimum(0.25 * age, 20.0)
        ids = self.firms.found(age, mean, f["initial_log_sd"])
        young = ids[age == 0]  # founded in the quarter of the start, as entrants are in later ones: at any moment of it
        self.ventures.found(young[self.draws.random(len(young)) < f["venture_share"]], 0.5)
        self.ventures.tell_firms()

    def step(self) -> None:
        m, before = self.market, self.private
        self.multiple += -m["reversion"] * self.multiple + m["volatility"] * self.draws.standard_normal()
        self.private += m["lag"] * (self.multiple - self.private)
        self.now = (self.phase + self.quarter) % 4
        self.entered = self.rounds = 0
        self.raised = 0.0
        if self.quarter > 0:
            f = self.firm_rules
            self.common = f["market_loading"] * (self.private - before)
            self.entered = int(self.draws.poisson(f["entrants"]))
            ids = self.firms.found(np.zeros(self.entered, int), f["entry_log_median"], f["entry_log_sd"])
            self.ventures.found(ids[self.draws.random(self.entered) < f["venture_share"]])
            self.ventures.tell_firms()
        self.firms.grow()
        if self.quarter > 0:
            self.firms.close()
            self.ventures.seek_money()
            self.ventures.tell_firms()
            self.firms.climb()
            self.ventures.end_broke()
        if self.now == 3:
            self.firms.close_year()
        self.quarter += 1


def live(rules: dict[str, Any], seed: int) -> dict[str, np.ndarray]:
    """One replication: name -> [quarter]."""
    zone = Zone(rules, seed)
    names = level_names(rules)
    rows = []
    for _ in range(rules["quarters"]):
        zone.step()
        firms, ventures = zone.firms.agents, zone.ventures.agents
        one = {"alive": len(firms), "entered": zone.entered, "output": zone.output, "jobs": firms["jobs"].sum()}
        one["post_money"] = ventures["last_post"].sum() if len(ventures) else 0.0
        one |= {"rounds": zone.rounds, "raised": zone.raised}
        held = firms["held"]
        rows.append(one | {name: int((held & (1 << i) != 0).sum()) for i, name in enumerate(names)})
    return {name: np.array([float(row[name]) for row in rows]) for name in rows[0]}


if __name__ == "__main__":
    main(live, f"mesa-frames {version('mesa-frames')}, Polars {pl.__version__}")
