"""Forecasts of the comparison models for the cells that Endcap is scored on, in the form that cells.py reads.

    python3 demand_peers.py SHARED KIND PANEL OUT ORIGIN...     # SHARED: the folder of forecast.py; KIND: cj or oj

AutoETS is left out: it is slow, far behind the others, and cells.py does without it. Every origin asked for counts as
one that is scored. lightgbm, scipy, pandas and numpy are needed; minutes to an hour.
"""
import pathlib
import sys

import numpy as np


def main():
    shared, kind, panel, out, *origins = sys.argv[1:]
    sys.path.insert(0, shared)
    import forecast

    def no_ets(prepared, *_):
        return [np.full((len(prepared["series"]), forecast.H), np.nan)] * 3

    forecast.m_ets = no_ets
    prepared = forecast.load(kind, panel)
    rows, _ = forecast.run(kind, prepared, [int(origin) for origin in origins], 1.0 if kind == "cj" else 0.35, 300)
    rows["primary"] = True
    pathlib.Path(out).parent.mkdir(parents=True, exist_ok=True)
    rows.to_parquet(out, index=False)
    print(len(rows))


if __name__ == "__main__":
    main()
