"""How quick the what-if page is on the reference scenario: `python -m benchmarks.what_if`.

A lever is moved to positions that were never tried, the baseline being whole. Prints the median time to the first
answer, to full bands and to all pairs as the program gives them, and, where chromium is found, from the slider's event
to the redrawn charts. Wants a quiet machine.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent
POSITIONS = [0.35 + 0.05 * k for k in range(7)]
LEVER = "guidance.reinvestment"
AIM_FIRST, AIM_BANDS = 0.2, 2.0  # seconds


def program() -> tuple[float, float, float]:
    """Median seconds to the first answer, to full bands and to the whole answer."""
    from sim.app.answers import answers, default_metrics
    from sim.app.web import last
    from sim.app.worlds import Workshop

    bench = Workshop().bench(ROOT / "scenarios" / "xian.toml")
    metrics, at, n = default_metrics(bench), last(bench), bench.usual
    bench.baseline(n).fill(bench.crew, 0, n, 0, threading.Event())
    list(answers(bench, {LEVER: 1.9}, metrics, at, n, threading.Event()))  # warm
    first, bands, whole = [], [], []
    for position in POSITIONS:
        begun = time.perf_counter()
        made = answers(bench, {LEVER: position}, metrics, at, n, threading.Event())
        times = [(answer["stage"], time.perf_counter() - begun) for answer in made]
        first.append(times[0][1])
        bands.append(next(taken for stage, taken in times if stage in ("bands", "full")))
        whole.append(times[-1][1])
    return median(first), median(bands), median(whole)


def page(chromium: str) -> float:
    """Median seconds from the slider's event to the redrawn charts."""
    from playwright.sync_api import sync_playwright

    command = [sys.executable, str(ROOT / "run.py"), "serve", "--port", "0", "--quiet"]
    served = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert served.stdout is not None
    try:
        address = served.stdout.readline().strip()
        with sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            tab = browser.new_page(viewport={"width": 1366, "height": 900})
            tab.goto(address)
            tab.wait_for_selector("#stage[data-stage=full]", timeout=300_000)
            slider = tab.locator("#lever-guidance-reinvestment")
            slider.focus()
            taken = []
            for _ in POSITIONS:
                tab.evaluate("delete document.documentElement.dataset.redraw")
                slider.press("ArrowRight")
                tab.wait_for_selector("html[data-redraw]", state="attached", timeout=60_000)
                taken.append(float(tab.evaluate("document.documentElement.dataset.redraw")) / 1000)
                tab.wait_for_selector("#stage[data-side=variant][data-stage=full]", timeout=120_000)
            browser.close()
        return median(taken)
    finally:
        served.terminate()
        served.wait()
        served.stdout.close()


def main() -> None:
    first, bands, whole = program()
    print(f"first answer   {first:.3f} s   {first / AIM_FIRST:.2f} of the aim of {AIM_FIRST} s to the redrawn chart")
    print(f"full bands     {bands:.2f} s    {bands / AIM_BANDS:.2f} of the aim of {AIM_BANDS} s")
    print(f"all pairs      {whole:.2f} s")
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if chromium:
        taken = page(chromium)
        print(f"slider to chart {taken:.3f} s  {taken / AIM_FIRST:.2f} of the aim")


if __name__ == "__main__":
    main()
