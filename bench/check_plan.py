"""Checks plans of one generated promotion instance against the generator's own rules.

    python3 check_plan.py --bench ../shared/bench/plan --skus 200 --weeks 13 --depths 5 --seed 21 PLAN_FOLDER...

Makes the instance again from its seed and flags, reads `plan.csv` of every folder and prints one JSON line a folder:
the objective in whole cents, and what is broken. It never reads what the solver says about its plan.
"""
import argparse
import csv
import json
import pathlib
import sys

import numpy


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bench", required=True, help="folder of gen.py")
    for name in ("skus", "weeks", "depths", "seed"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--budget", type=float, default=0.30)
    parser.add_argument("--slots", type=float, default=0.12)
    parser.add_argument("--spacing", type=int)
    parser.add_argument("--group", type=int, default=4)
    parser.add_argument("--no-pairs", action="store_true")
    parser.add_argument("--budget-cents", type=int, help="budget that replaces the generated one")
    parser.add_argument("plans", nargs="+")
    return parser.parse_args()


def read_plan(path, shape):
    """Depth index by SKU and week, -1 for none; and what is wrong with the rows."""
    skus, weeks, depths = shape
    plan = numpy.full((skus, weeks), -1, dtype=numpy.int16)
    wrong = set()
    with open(path, newline="") as file:
        rows = csv.reader(file)
        if next(rows, None) != ["sku", "week", "depth_index"]:
            return plan, ["plan.csv: header is not sku,week,depth_index"]
        for row in rows:
            sku, week, depth = map(int, row)
            if not (0 <= sku < skus and 0 <= week < weeks and 0 <= depth < depths):
                wrong.add("plan.csv: a row is out of range")
            elif plan[sku, week] >= 0:
                wrong.add("plan.csv: a SKU and week come twice")
            else:
                plan[sku, week] = depth
    return plan, sorted(wrong)


def main():
    given = arguments()
    sys.path.insert(0, given.bench)
    import gen

    instance = gen.generate(given.skus, given.weeks, given.depths, given.seed, given.budget, given.slots,
                            given.spacing, given.group, pairs=not given.no_pairs)
    if given.budget_cents is not None:
        instance.budget = given.budget_cents
    for folder in given.plans:
        plan, wrong = read_plan(pathlib.Path(folder) / "plan.csv", instance.shape)
        objective, broken = gen.check(instance, plan, pairs=not given.no_pairs)
        print(json.dumps({"objective": objective, "errors": wrong + broken}))


if __name__ == "__main__":
    main()
