import gc

from sim.cli import main

gc.set_threshold(100_000, 20, 20)  # what a command makes while it starts is there to stay
status = main()
gc.freeze()  # and is not gone through once more at the end, which would take most of a second
raise SystemExit(status)
