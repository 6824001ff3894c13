"""Questions asked of many worlds: what changed (compare), what matters (sweep), what would it take (solve, optimise).

Every question ends in one call, `Model.evaluate(samples, replications, seed)`, so that a scenario and an analytic
function with a known answer run through exactly the same path.
"""
