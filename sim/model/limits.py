"""How many of each thing a scenario may have: tables of the kernel have these lengths. No numba at import."""

from typing import Any

MAX_PROGRAMMES = 12
MAX_KINDS = 12  # kinds of tenants, over all incubators
MAX_INCUBATORS = 6
MAX_SPIN_OFFS = 24  # sources of applicants, over all incubators
MAX_PROJECTS = 8
MAX_PRODUCTS = 24  # over all projects
MAX_DATED = 10  # dates at which the odds of passing or of a re-review or the quota of a level change

MAX_GROUPS = 24  # classes of funds, and
MAX_NAMED_ROUNDS = 96  # of named firms: rounds, investors, holders, certificates; beyond, another kernel is compiled

MOST_FEES = 0.9  # of commitments, over a life: a fund that pays more has nothing to invest

FOLLOWED = 256  # named firms of which the zone's own return is told, besides those it holds at the start


def followed(scenario: Any) -> list[int]:
    """Places, in the file's order, of the named firms of which the zone's own return is told: every firm of which one
    of its direct funds holds a part at the start, and the first FOLLOWED. Each is five metrics more."""
    direct = {c.id for c in scenario.funds if c.kind == "direct"}

    def held(firm: Any) -> bool:
        return (
            any(x.fund in direct for x in firm.holders)
            or any(r.direct.value > 0.0 for r in firm.rounds)
            or any(x.fund in direct for r in firm.rounds for x in r.investors)
        )

    return [k for k, firm in enumerate(scenario.named) if k < FOLLOWED or (direct and held(firm))]


def room_for(needed: int, usual: int) -> int:
    """The usual room, or the next power of two above what is needed: another shape is compiled once more."""
    return usual if needed <= usual else 1 << (needed - 1).bit_length()


def kernel_size(scenario: Any) -> tuple[int, int]:
    """Room for classes of funds and for what is known of named firms: a kernel is compiled for every such size."""
    firms = scenario.named
    rounds = [r for f in firms for r in f.rounds]
    longest = max(
        len(firms) + 1,
        len(rounds) + 1,
        *(sum(len(getattr(f, name)) for f in firms) for name in ("holders", "certificates")),
        sum(len(r.investors) for r in rounds),
    )
    return room_for(len(scenario.funds), MAX_GROUPS), room_for(longest, MAX_NAMED_ROUNDS)


USUAL_SIZE = (MAX_GROUPS, MAX_NAMED_ROUNDS)
