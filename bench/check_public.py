"""The public knapsack problems: lists them with what is known of them, and checks answers against the files.

    python3 check_public.py list DATA            # one JSON line a problem of DATA/best_known.csv
    python3 check_public.py check DATA ANSWERS   # ANSWERS: a JSON list of {file, problem, chosen}

The check reads the files by itself, with decimals kept exact, and prints one JSON line an answer: the objective and
what is broken. Formats: see README.md of the data.
"""
import csv
import decimal
import json
import pathlib
import sys


def listed(data):
    """One record a row of best_known.csv; empty figures are null."""
    with open(data / "best_known.csv", newline="") as file:
        for row in csv.DictReader(file):
            known = {name: float(row[name]) if row[name] else None for name in ("best_known", "lp_bound")}
            yield {"set": row["set"], "file": row["file"], "problem": int(row["problem"]),
                   "paid": row["sense"] == "min", "optimal": row["status"] == "optimal", **known}


class Numbers:
    """The numbers of a file, one after the other."""

    def __init__(self, path):
        self.words, self.read = path.read_text().split(), 0

    def over(self):
        return self.read >= len(self.words)

    def amounts(self, count):
        taken = self.words[self.read:self.read + count]
        self.read += count
        return [decimal.Decimal(word) for word in taken]

    def whole(self):
        return int(self.amounts(1)[0])


# A problem is (items by unit, capacities, must a unit choose); an item is (value, use by limit).

def read_mkp(path):
    numbers = Numbers(path)
    many = path.suffix != ".dat"
    problems = []
    for _ in range(numbers.whole() if many else 1):
        items, limits = numbers.whole(), numbers.whole()
        if many:
            numbers.amounts(1)
        values = numbers.amounts(items)
        rows = [numbers.amounts(items) for _ in range(limits)]
        units = [[(value, uses)] for value, uses in zip(values, zip(*rows))]
        problems.append((units, numbers.amounts(limits), False))
    return problems


def read_groups(numbers, count, limits, items=None):
    """Groups that begin with their own number (`items` given) or with their number of items."""
    groups = []
    for _ in range(count):
        first = numbers.whole()
        rows = [numbers.amounts(1 + limits) for _ in range(items or first)]
        groups.append([(row[0], row[1:]) for row in rows])
    return groups


def read_mmkp(path):
    numbers = Numbers(path)
    if path.name.startswith("hh_"):
        problems = []
        while not numbers.over():
            _, count, items, limits = (numbers.whole() for _ in range(4))
            capacities = numbers.amounts(limits)
            problems.append((read_groups(numbers, count, limits, items), capacities, True))
        return problems
    count = numbers.whole()
    items = numbers.whole() if path.name.startswith("khan_") else None
    limits = numbers.whole()
    capacities = numbers.amounts(limits)
    return [(read_groups(numbers, count, limits, items), capacities, True)]


def read_gap(path):
    numbers = Numbers(path)
    problems = []
    for _ in range(numbers.whole()):
        agents, jobs = numbers.whole(), numbers.whole()
        values = [numbers.amounts(jobs) for _ in range(agents)]
        uses = [numbers.amounts(jobs) for _ in range(agents)]
        units = [[(values[agent][job], [uses[agent][job] if other == agent else 0 for other in range(agents)])
                  for agent in range(agents)] for job in range(jobs)]
        problems.append((units, numbers.amounts(agents), True))
    return problems


READERS = {"mkp": read_mkp, "mmkp": read_mmkp, "gap": read_gap}


def check(problem, chosen):
    units, capacities, must = problem
    if len(chosen) != len(units):
        return None, [f"{len(chosen)} choices for {len(units)} units"]
    errors = set()
    objective, used = decimal.Decimal(0), [decimal.Decimal(0)] * len(capacities)
    for unit, item in zip(units, chosen):
        if item is None:
            if must:
                errors.add("a unit has no choice")
            continue
        if not 0 <= item < len(unit):
            errors.add("a choice is out of range")
            continue
        value, uses = unit[item]
        objective += value
        used = [total + use for total, use in zip(used, uses)]
    if any(total > capacity for total, capacity in zip(used, capacities)):
        errors.add("a capacity is passed")
    return float(objective), sorted(errors)


def main():
    what, data = sys.argv[1], pathlib.Path(sys.argv[2])
    if what == "list":
        for record in listed(data):
            print(json.dumps(record))
        return
    read = {}
    for answer in json.loads(pathlib.Path(sys.argv[3]).read_text()):
        path = data / answer["file"]
        if path not in read:
            read = {path: READERS[path.parent.name](path)}
        objective, errors = check(read[path][answer["problem"] - 1], answer["chosen"])
        print(json.dumps({"objective": objective, "errors": errors}))


if __name__ == "__main__":
    main()
