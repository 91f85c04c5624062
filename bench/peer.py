"""Runs one public solver on one generated instance through run.py, with the flags that run.py does not know.

    python3 peer.py --bench ../shared/bench/plan --slots 0.06 --spacing 2 -- --skus 200 --weeks 13 ... --solver highs

What follows `--` goes to run.py unchanged; its JSON line is the answer.
"""
import argparse
import functools
import sys


def main():
    cut = sys.argv.index("--")
    parser = argparse.ArgumentParser()
    parser.add_argument("--bench", required=True, help="folder of gen.py and run.py")
    parser.add_argument("--slots", type=float, default=0.12)
    parser.add_argument("--spacing", type=int)
    parser.add_argument("--group", type=int, default=4)
    given = parser.parse_args(sys.argv[1:cut])
    sys.path.insert(0, given.bench)
    sys.argv = ["run.py", *sys.argv[cut + 1:]]
    import gen
    import run

    gen.generate = functools.partial(gen.generate, slot_frac=given.slots, spacing=given.spacing, group=given.group)
    run.main()


if __name__ == "__main__":
    main()
