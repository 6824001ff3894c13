"""A company's own cap table, typed in: rounds to come, and who gets what when it is sold. Nothing is simulated.

reading.py    the file (TOML) -> holders, options, classes, rounds, exits; what contradicts itself, by line
plain.py      sim.finance as plain Python: a few thousand splits need no compiler
rounds.py     a round closes: pool, protection against a lower price and price settle together
exits.py      who gets what at an exit, and where each class turns; of traced firms too
telling.py    tables in both languages, JSON, CSV files, the payoff chart
"""
