"""The stages of valuation rounds and their names."""

STAGE_LABELS: tuple[tuple[str, str, str], ...] = (
    ("angel", "天使轮", "angel"),
    ("seed", "Pre-A轮", "seed"),
    ("a", "A轮", "A"),
    ("b", "B轮", "B"),
    ("c", "C轮", "C"),
    ("d", "D轮", "D"),
    ("pre_ipo", "Pre-IPO轮", "pre-IPO"),
)
