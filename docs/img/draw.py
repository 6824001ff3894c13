"""Draws the gallery of the README and the handbook, in both languages: `make gallery`.

Everything in it comes out of the program: one run of Xi'an and the same worlds without the guidance fund.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(ROOT))

REPLICATIONS = 200
WIDTH = 960  # pixels


def main() -> None:
    from sim import figures, load_scenario, simulate
    from sim.analysis import compare

    scenarios = [load_scenario(ROOT / "scenarios" / file) for file in ("xian.toml", "xian/no-guidance-fund.toml")]
    xian = simulate(scenarios[0], replications=REPLICATIONS, seed=1)
    names = {"en": ["with the guidance fund", "without"], "zh": ["有引导基金", "无引导基金"]}
    for lang, ending in (("en", ""), ("zh", ".zh")):
        compared = compare.run(scenarios, names[lang], REPLICATIONS, 1)
        drawn = {
            "xian-overview": figures.overview(xian, lang=lang),
            "fan": figures.fan(xian, "ladder.certificates.hte", lang=lang),
            "fund-flow": figures.fund_flow(figures.flows_of(xian), xian, lang=lang),
            "j-curve": figures.j_curve(xian, lang=lang),
            "multiples": figures.multiples(xian, lang=lang),
            "scoreboard": figures.scoreboard(xian, lang=lang),
            "difference": figures.difference(compared, "jobs.total", names[lang][1], lang=lang),
        }
        for name, figure in drawn.items():
            path = HERE / f"{name}{ending}.png"
            _save(figures.encode(figure), path)
            print(path.relative_to(ROOT), f"{path.stat().st_size / 1000:.0f} kB")


def _save(png: bytes, path: Path) -> None:
    from PIL import Image

    from sim.store import write_bytes

    image = Image.open(io.BytesIO(png)).convert("RGB")
    image = image.resize((WIDTH, round(image.height * WIDTH / image.width)), Image.Resampling.LANCZOS)
    small = io.BytesIO()
    image.save(
        small, "png", optimize=True
    )  # no palette: it would take a rare colour, a fact's point, for its neighbour
    write_bytes(path, small.getvalue())


if __name__ == "__main__":
    main()
