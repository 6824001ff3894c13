import gc
import sys

from sim.cli import main

gc.set_threshold(100_000, 20, 20)  # what a command makes while it starts is there to stay
try:
    status = main()
except ModuleNotFoundError as error:  # another Python than the one that `make` furnished
    if (error.name or "sim").split(".")[0] == "sim":
        raise
    sys.stderr.write(
        f"headwater: this Python ({sys.executable}) has no {error.name}: run `make setup`, then "
        "`. .venv/bin/activate` or `.venv/bin/python run.py ...`\n"
        f"headwater：此 Python 缺少 {error.name}：先 `make setup`，再 `. .venv/bin/activate` 或用 `.venv/bin/python`\n"
    )
    raise SystemExit(2) from None
gc.freeze()  # and is not gone through once more at the end, which would take most of a second
raise SystemExit(status)
