"""What of the base an imported portfolio takes the place of: a zone has one guidance fund, and one direct fund.

Who imports the books of a guidance fund gives the real one for the one that the base assumed, so that fund goes, with
the sub-funds and classes of proposals that name it as parent, and with the facts and levers about them. A fund of the
sheets under the id of one of the base changes that fund, as any file does; nothing is dropped for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

from sim.model.funds.parameters import MandateName
from sim.portfolio.holdings import Portfolio
from sim.portfolio.sheets import Trouble

if TYPE_CHECKING:
    from sim.scenario.document import Scenario

KINDS = {"guidance": ("guidance", "subfunds"), "direct": ("direct",)}  # kind -> what metrics call its funds together


@dataclass(frozen=True)
class Replaced:
    """Ids of funds and facts of the base that the fragment removes, and paths of the levers that go with the funds;
    parent: the guidance fund of the sheets that stands for the base's, None where that stays."""

    funds: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()
    levers: tuple[str, ...] = ()
    parent: str | None = None

    def remark(self, lang: str) -> str:
        """What was replaced, in a line of the reader's language."""
        parent = self.parent
        mark = "、" if lang == "zh" else ", "
        funds, facts, levers = (mark.join(x) for x in (self.funds, self.facts, self.levers))
        told = {
            "zh": ("相关公布数据 {}", "相关可调参数 {}", "；一并移除", "；"),
            "en": ("the facts {}", "the levers {}", "; with them go ", " and "),
        }[lang]
        gone = [form.format(names) for form, names in zip(told, (facts, levers), strict=False) if names]
        end = told[2] + told[3].join(gone) if gone else ""
        if lang == "zh":
            return f"基准情景中的这些基金由表中的取代，已移除：{funds}{end}" + (
                f"。以后还要设立的子基金类别，请在片段之上的文件中写明（parent = {parent}）；"
                "要保留基准的引导基金及其子基金类别，请在表中沿用它的编号"
                if parent
                else ""
            )
        return f"those of the sheets replace these funds of the base, which are removed: {funds}{end}" + (
            f". Classes of sub-funds yet to come are stated in a file over the fragment (parent = {parent}); to"
            " keep the base's guidance fund and its classes, give the fund of the sheet its id"
            if parent
            else ""
        )


NOTHING = Replaced()


def replaced_by(portfolio: Portfolio, base: Scenario) -> Replaced:
    """What of the base goes for the guidance fund, or the direct fund, of the sheets."""
    own = {row["id"] for row in portfolio.funds}
    needed = {row["parent"] for row in portfolio.funds}
    kinds = [kind for kind in KINDS if any(row["kind"] == kind for row in portfolio.funds)]
    first = [c.id for c in base.funds if c.kind in kinds and c.id not in own and c.id not in needed]
    below = [c.id for c in base.funds if c.parent in first and c.id not in own]
    funds = (*first, *below)
    if not funds:
        return NOTHING
    gone = {c.kind for c in base.funds if c.id in first}
    names = {*funds, *(name for kind in gone for name in KINDS[kind])}
    starts = tuple(f"funds.{name}." for name in names)
    facts = [fact.id for fact in base.facts if any(part.strip().startswith(starts) for part in fact.metric.split("+"))]
    levers = [path for path in base.levers if path.startswith(tuple(f"funds.{name}." for name in funds))]
    parents = [row["id"] for row in portfolio.funds if row["kind"] == "guidance" and "guidance" in gone]
    return Replaced(funds, tuple(facts), tuple(levers), next(iter(parents), None))


def refuse_what_holds_on(replaced: Replaced, base: Scenario, trouble: Trouble) -> None:
    """Adds a problem for each item of the base that speaks of a fund that goes and that no file above can take out."""
    rules = base.guidance
    tables = {
        "guidance.cap": rules.cap,
        "guidance.tolerance": rules.tolerance,
        "guidance.reinvestment_of": rules.reinvestment_of,
        "guidance.limits.fee_of": rules.limits.fee_of,
    }
    held = [
        f"{path}.{name}"
        for path, table in tables.items()
        for name in table
        if name in replaced.funds and name not in get_args(MandateName)
    ]
    for firm in base.named:
        funds = [h.fund for h in firm.holders] + [x.fund for r in firm.rounds for x in r.investors]
        held += [f"named.{firm.id}"] if set(funds) & set(replaced.funds) else []
    for key in held:
        trouble.add(
            {"file": base._path, "key": key},
            "提到的基金由表中的引导基金取代：请从基准情景中去掉这一项，或在表中沿用基准的编号",
            "speaks of a fund of the base that the sheets replace: take it out of the base, or give the guidance fund"
            " of the sheet the base's id",
        )
