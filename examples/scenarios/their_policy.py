"""A policy of one's own for `endcap twin`: reads observations, writes actions, one JSON value per line.

    endcap twin examples/scenarios/their-policy.toml

Keeps an average of what each cell sold, orders up to some periods of it, and puts one item of every region on offer in
turn. The lines are described in docs/formats.md. Say nothing else on standard output; standard error is shown when the
process dies.
"""

import json
import sys

COVER = 3.0  # spare periods of average sales
DEPTH = 0.1


def main():
    told = json.loads(sys.stdin.readline())
    cells, lead = told["cells"], told["lead_time_periods"]
    items = told["items"]
    regions = sorted({cell["region"] for cell in cells})
    average = None
    for number, line in enumerate(sys.stdin):
        seen = json.loads(line)
        if average is None:
            average = [stock / 2.0 for stock in seen["on_hand"]]
        else:
            average = [mean + 0.2 * (sold - mean) for mean, sold in zip(average, seen["sold"])]
        orders = []
        for cell, mean in enumerate(average):
            missing = (lead + COVER) * mean - seen["on_hand"][cell] - seen["on_order"][cell]
            if missing >= 1:
                orders.append({"cell": cell, "pieces": int(missing)})
        sku = items[number % len(items)]
        offers = [{"sku": sku, "place": region, "depth": DEPTH} for region in regions]
        expected = [mean * 1.3 if cells[cell]["sku"] == sku else mean for cell, mean in enumerate(average)]
        print(json.dumps({"offers": offers, "orders": orders, "expected": expected}), flush=True)


if __name__ == "__main__":
    main()
