"""`python -m benchmarks.peers`: the peers alone."""

import argparse

from benchmarks.peers.side_by_side import lines, side_by_side, verdicts

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one pass, fewer worlds")
    found = side_by_side(quick=parser.parse_args().quick)
    print("\n".join([*lines(found), *verdicts(found)]))
