"""A fund's own spreadsheets become a scenario fragment, and what they contradict is told by sheet, row and column.

sheets.py     a workbook or CSV files -> rows of plain cells with their places; no formula is executed
columns.py    the five tables and their columns: headings in both languages, kinds, units
cells.py      a cell -> a number, a date, a name, or a problem that names the place
holdings.py   the portfolio: funds, firms, rounds, positions, certificates
checks.py     rows that contradict each other, a unit that must be wrong, the rule pack of the scenario
fragment.py   the portfolio as TOML that `load_scenario` accepts
template.py   the empty workbook with notes, lists and example rows
cases.py      exit cases that the user states, split by the exact conversion equilibrium; plan against actual
"""
