"""How many of each thing a scenario may have: tables of the kernel have these lengths. No numba at import."""

MAX_PROGRAMMES = 12
MAX_KINDS = 12  # kinds of tenants, over all incubators
MAX_INCUBATORS = 6
MAX_SPIN_OFFS = 24  # sources of applicants, over all incubators
MAX_PROJECTS = 8
MAX_PRODUCTS = 24  # over all projects
MAX_DATED = 10  # dates at which the re-review odds or the quota of a level change
