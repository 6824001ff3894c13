"""The yardstick in Mesa 3: an agent a firm, whose step is its quarter; a venture's state hangs on its firm.

Written as Mesa's own examples are, and to be quick within that: one pass over the agents a quarter (`AgentSet.do`),
rules in local names, draws from Python's `random`, which is faster than NumPy for single numbers, yearly rules only in
their quarter. A level with a quota is granted by the model after all firms have stepped. No data collector: the model
sums.
"""

from bisect import bisect_left
from math import exp, log, sqrt
from typing import Any

import mesa
import numpy as np

from benchmarks.peers.common import PRE_IPO, A, B, level_names, main

SQRT_HALF = sqrt(0.5)


def clip(x: float, low: float, high: float) -> float:
    return low if x < low else high if x > high else x


class Venture:
    """What a firm that seeks equity finance carries besides."""

    __slots__ = (
        "burn",
        "cash",
        "fails",
        "goal",
        "last_post",
        "last_round",
        "log_value",
        "rounds",
        "stage",
    )

    def __init__(self, model: "Zone") -> None:
        r, draw = model.rounds_rules, model.random
        self.log_value = r["value_log_median"] + r["value_log_sd"] * draw.gauss()
        self.burn = r["founder_burn"] * exp(0.5 * draw.gauss())
        self.cash = self.burn * r["founder_runway"] * (0.3 + 1.4 * draw.random())
        self.stage = self.rounds = self.fails = 0
        self.last_post, self.goal, self.last_round = 0.0, r["goal_log"], model.quarter


class Firm(mesa.Agent):
    def __init__(self, model: "Zone", age: int, mean: float, sd: float) -> None:
        super().__init__(model)
        f, draw = model.firm_rules, model.random
        self.age = age
        self.sector = draw.choices(model.sectors, cum_weights=model.mix)[0]
        self.log_revenue = f["sector_size"][self.sector] + mean + sd * draw.gauss()
        self.rd_share = min(exp(f["rd_log_median"][self.sector] + f["rd_log_sd"] * draw.gauss()), 0.9)
        self.standing = draw.random()
        self.year, self.shock, self.profit, self.value = 0.0, 0.0, 0.0, 0.0
        self.last = self.before = 0.0
        self.certificates: dict[int, int] = {}  # level -> quarter of award
        self.renewals: dict[int, int] = {}
        self.venture: Venture | None = None
        self.follow_accounts(0.0, age)
        if age >= 4:
            self.last = exp(self.log_revenue)
            if age >= 8:
                self.before = self.last * exp(-4.0 * self.drift - 2.0 * self.spread * model.laplace())
            self.value_accounts()

    def follow_accounts(self, productivity: float, age: int) -> None:
        """What size and age mean for the coming year."""
        f = self.model.firm_rules
        size = self.log_revenue - f["reference_size"]
        self.spread = clip(f["spread"] * exp(-f["spread_size"] * size), f["spread_floor"], f["spread_ceiling"])
        table = f["hazard_by_age"]
        young = table[min(age, len(table) - 1)]
        self.hazard = min(f["exit_floor"] + young * exp(-f["exit_size"] * size), f["exit_ceiling"])
        self.drift = f["drift_by_age"][min(age, len(table) - 1)]
        log_jobs = f["jobs_base"][self.sector] - productivity + f["jobs_elasticity"] * self.log_revenue
        self.jobs = max(exp(log_jobs), 1.0)

    def value_accounts(self) -> None:
        f = self.model.firm_rules
        margin = f["margin"][self.sector] + f["margin_slope"] * (self.log_revenue - f["reference_size"])
        self.profit = clip(margin, f["margin_floor"], f["margin_ceiling"]) * self.last
        self.value = f["price_to_sales"][self.sector] * self.last * exp(self.model.multiple)

    def step(self) -> None:
        model = self.model
        shock = self.shock = model.laplace()
        x = self.log_revenue + self.drift + model.common + self.spread * shock
        self.log_revenue = x = 0.0 if x < 0.0 else 34.0 if x > 34.0 else x
        revenue = 0.25 * exp(x)
        self.year += revenue
        model.output += revenue
        if model.quarter > 0:
            venture = self.venture
            protected = venture is not None and venture.cash > 0.0
            if model.random.random() < self.hazard and not protected:
                self.leave()
                return
            if venture is not None:
                self.seek_money(venture)
            if self.certificates:
                self.keep_certificates()
            for number, level in model.open_levels:
                self.apply_for(number, level)
            if venture is not None and venture.cash < 0.0 and not self.outlive_cash(venture):
                self.leave()
                return
        self.age += 1
        if model.last_quarter_of_year:
            self.close_year()

    def leave(self) -> None:
        for level in self.certificates:
            self.model.stock[level] -= 1
        self.remove()

    def close_year(self) -> None:
        model, f = self.model, self.model.firm_rules
        year, self.year = self.year, 0.0
        if model.quarter == 0:  # the accounts of the start stand for the year that ends with it
            return
        self.before, self.last = self.last, year if self.age >= 4 else exp(self.log_revenue)
        self.follow_accounts(f["productivity_growth"] * 0.25 * model.quarter, self.age)
        self.value_accounts()
        self.rd_share = clip(self.rd_share * exp(SQRT_HALF * f["rd_drift"] * model.laplace()), 0.001, 0.9)
        if f["certificate"] in self.certificates:
            self.drift += f["certified_growth"]
            self.hazard *= f["certified_hazard"]

    # ----------------------------------------------------------------------------------------------------- ladders

    def keep_certificates(self) -> None:
        """Re-reviews and withdrawals, from the highest level down."""
        model, held, draw = self.model, self.certificates, self.model.random
        for number in sorted(held, reverse=True):
            level = model.levels[number]
            if level["validity"] and model.now in level["windows"]:
                if held[number] <= model.quarter - level["validity"]:
                    times = self.renewals[number]
                    if draw.random() < level["renewal"][min(times, len(level["renewal"]) - 1)]:
                        held[number], self.renewals[number] = model.quarter, times + 1
                    else:
                        self.give_up(number)
            elif level["withdraws"] > 0.0 and draw.random() < level["withdraws"]:
                self.give_up(number)
                lower = level["falls_to"]
                if lower >= 0:
                    self.obtain(lower)
                    if draw.random() < model.levels[lower]["withdraws"]:
                        self.give_up(lower)

    def give_up(self, number: int) -> None:
        del self.certificates[number]
        self.model.stock[number] -= 1

    def obtain(self, number: int) -> None:
        replaces = self.model.levels[number]["replaces"]
        for other in [k for k in self.certificates if replaces >> k & 1]:
            self.give_up(other)
        self.certificates[number], self.renewals[number] = self.model.quarter, 0
        self.model.stock[number] += 1

    def apply_for(self, number: int, level: dict[str, Any]) -> None:
        held, model = self.certificates, self.model
        needed = level["requires"]
        if needed >= 0:
            if needed not in held or model.quarter - held[needed] < level["wait"]:
                return
        elif self.last < level["least"]:
            return
        for other in held:
            if level["barred"] >> other & 1:
                return
        if model.random.random() < level["odds"] and self.meets(level["sets"]):
            if level["quota"] >= 0:
                model.applicants.append((number, self))
            else:
                self.obtain(number)

    def meets(self, sets: list) -> bool:
        return any(all(low <= self.measure(what) <= high for what, low, high in one) for one in sets)

    def measure(self, what: str) -> float:
        if what == "age":
            return 0.25 * self.age
        if what == "revenue":
            return self.last
        if what == "growth":
            return self.last / self.before - 1.0 if self.before > 0.0 else 0.0
        if what == "value" and self.venture is not None:
            return exp(self.venture.log_value + self.model.multiple)
        return getattr(self, what)

    # ---------------------------------------------------------------------------------------------------- ventures

    def seek_money(self, v: Venture) -> None:
        model, r = self.model, self.model.rounds_rules
        draw, quarter = model.random, model.quarter
        common = r["correlation"] * SQRT_HALF * self.shock + model.rest * draw.gauss()
        reached = bisect_left(r["stage_floor_log"], v.log_value, A) - A
        moves_as = max(v.stage, A - 1 + reached) if reached else v.stage
        step = r["value_drift"][moves_as] + r["value_volatility"][moves_as] * common
        v.log_value = clip(v.log_value + step, 9.0, 30.0)
        v.cash -= v.burn
        since = quarter - v.last_round
        if v.stage > 0 and since <= r["funded_quarters"]:
            self.log_revenue = min(self.log_revenue + r["funded_growth"][v.stage], 34.0)
        if v.fails >= r["patience"] or v.rounds >= 12 or (v.fails > 0 and since % r["retry"] != 0):
            return
        carried = v.rounds > 0 and self.profit > 4.0 * v.burn
        short = v.cash < r["short_runway"] * v.burn and not carried
        waited = v.rounds > 0 and since >= r["least_gap"] and not (carried and v.stage == PRE_IPO)
        if short or (waited and v.log_value > v.goal):
            self.raise_round(v)

    def raise_round(self, v: Venture) -> None:
        model, r = self.model, self.model.rounds_rules
        draw, floor = model.random, r["stage_floor"]
        pre = exp(v.log_value + model.private + r["bargaining"] * draw.gauss() - r["concession"] * v.fails)
        stage, normal = v.stage, pre * exp(-model.private)
        if stage == 0:
            stage, latest = 1, PRE_IPO if self.is_mature() else B
            while stage < latest and normal > floor[stage + 1] * r["skip_factor"]:
                stage += 1
        elif stage < len(floor) - 1 and normal >= floor[stage + 1]:
            stage += 1
        part = clip(r["dilution"][stage] * exp(r["dilution_sd"] * draw.gauss()), 0.02, 0.45)
        amount = pre * part / (1.0 - part)
        if amount < r["least_cheque"]:
            return
        promise = v.log_value - r["centre"][stage] - r["distrust"] * v.fails
        says_yes = 1.0 / (1.0 + exp(-(r["mood_multiple"] * model.private + r["selective"] * promise)))
        part = min(r["lead_share"] + r["outside_share"][stage] * 2.0 * draw.random(), 1.0)
        if draw.random() >= 2.0 * r["outside_lead"][stage] * says_yes or part < r["least_part"]:
            v.fails += 1
            if v.fails <= r["burn_cuts"]:
                v.burn *= r["burn_cut"]
            return
        got = amount * part
        v.goal = r["step_up"][stage] * exp(r["step_up_sd"] * draw.gauss())
        v.goal += log(pre + got) - model.private  # the log value at which it goes raising again
        v.cash += got
        v.burn = v.cash / (r["runway"][stage] * exp(0.25 * draw.gauss()))
        v.last_post, v.stage, v.last_round, v.fails = pre + got, stage, model.quarter, 0
        v.rounds += 1
        model.rounds += 1
        model.raised += got

    def is_mature(self) -> bool:
        """Whether it earns a profit on its way to a listing: its first round may skip beyond B."""
        listing = self.model.rounds_rules["listing_levels"]
        return self.profit > 0.0 and any(listing >> level & 1 for level in self.certificates)

    def outlive_cash(self, v: Venture) -> bool:
        """What becomes of a venture out of cash; whether its firm lives on."""
        r = self.model.rounds_rules
        v.cash = 0.0
        u = self.model.random.random()
        if self.profit > v.burn or (v.stage == 0 and u < r["bootstraps"]):
            if v.stage == 0:
                self.venture = None
            v.burn = 0.0
            return True
        if v.stage > 0 and u < r["bridge"]:
            v.cash += r["bridge_quarters"] * v.burn
            v.burn *= r["bridge_cut"]
            return True
        return False


class Zone(mesa.Model):
    def __init__(self, rules: dict[str, Any], seed: int) -> None:
        super().__init__(seed=seed)
        self.firm_rules, self.rounds_rules, self.market = rules["firms"], rules["rounds"], rules["market"]
        self.levels = [level | {"least": least_revenue(level)} for level in rules["levels"]]
        self.stock = [0] * len(self.levels)
        self.sectors = range(len(self.firm_rules["sector_mix"]))
        self.mix = np.cumsum(self.firm_rules["sector_mix"]).tolist()
        self.rest = sqrt(1.0 - self.rounds_rules["correlation"] ** 2)
        self.phase, self.quarter = rules["phase"], 0
        self.multiple = self.private = self.common = 0.0
        self.applicants: list[tuple[int, Firm]] = []
        f, draw = self.firm_rules, self.random
        for _ in range(f["initial"]):
            age = int(draw.expovariate(1.0 / (4.0 * f["initial_age"])))
            mean = f["entry_log_median"] + f["initial_growth"] * min(0.25 * age, 20.0)
            firm = Firm(self, age, mean, f["initial_log_sd"])
            if age == 0 and draw.random() < f["venture_share"]:
                # founded in the quarter of the start, as entrants are in later ones: at any moment of it
                firm.venture = Venture(self)
                firm.venture.cash += firm.venture.burn * (draw.random() - 0.5)

    def laplace(self) -> float:
        u = self.random.random()
        return log(2.0 * u + 1e-300) if u < 0.5 else -log(2.0 - 2.0 * u)

    def step(self) -> None:
        m, before = self.market, self.private
        self.multiple += -m["reversion"] * self.multiple + m["volatility"] * self.random.gauss()
        self.private += m["lag"] * (self.multiple - self.private)
        self.now = (self.phase + self.quarter) % 4
        self.last_quarter_of_year = self.now == 3
        self.entered = self.rounds = 0
        self.output = self.raised = 0.0
        if self.quarter > 0:
            self.common = self.firm_rules["market_loading"] * (self.private - before)
            self.admit()
        self.open_levels = [
            (i, level) for i, level in reversed(list(enumerate(self.levels))) if self.now in level["windows"]
        ]
        self.agents.do("step")
        self.grant()
        self.quarter += 1

    def admit(self) -> None:
        f = self.firm_rules
        self.entered = int(self.rng.poisson(f["entrants"]))
        for _ in range(self.entered):
            firm = Firm(self, 0, f["entry_log_median"], f["entry_log_sd"])
            if self.random.random() < f["venture_share"]:
                firm.venture = Venture(self)

    def grant(self) -> None:
        """Levels with a quota, in an order drawn."""
        self.random.shuffle(self.applicants)
        given: dict[int, int] = {}
        for number, firm in self.applicants:
            if firm.model is not None and given.get(number, 0) < self.levels[number]["quota"]:
                firm.obtain(number)
                given[number] = given.get(number, 0) + 1
        self.applicants.clear()


def least_revenue(level: dict[str, Any]) -> float:
    return min(max((low for what, low, _ in one if what == "revenue"), default=0.0) for one in level["sets"])


def live(rules: dict[str, Any], seed: int) -> dict[str, np.ndarray]:
    """One replication: name -> [quarter]."""
    zone = Zone(rules, seed)
    names = level_names(rules)
    rows = []
    for _ in range(rules["quarters"]):
        zone.step()
        jobs = post = 0.0
        for firm in zone.agents:
            jobs += firm.jobs
            if firm.venture is not None:
                post += firm.venture.last_post
        one = {"alive": len(zone.agents), "entered": zone.entered, "output": zone.output, "jobs": jobs}
        one |= {"post_money": post, "rounds": zone.rounds, "raised": zone.raised}
        rows.append(one | dict(zip(names, zone.stock, strict=True)))
    return {name: np.array([float(row[name]) for row in rows]) for name in rows[0]}


if __name__ == "__main__":
    main(live, f"Mesa {mesa.__version__}")
