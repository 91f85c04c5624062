"""Scores what Endcap wrote, against known truth or held-out sales. It reads only files in the formats of docs/formats.md.

    python3 demand_scores.py effects WORLD FIT              # WORLD: of simulate.py or `endcap twin --panel`
    python3 demand_scores.py events WORLD FIT
    python3 demand_scores.py answers PANEL KIND OUT ORIGIN=FORECAST...   # cells.py's form of a product's answers
    python3 demand_scores.py cells PANEL KIND ORIGIN=FORECAST...
    python3 demand_scores.py cold PANEL FORECAST
    python3 demand_scores.py brands FIT RESULTS REFUSED [HISTORY]   # own elasticities beside week-clustered references
    python3 demand_scores.py discount HISTORY FIT [OTHER FITS]    # FreshRetailNet

Each prints one JSON object of figures; null is "not given". KIND is cj or oj. A cell that was not answered counts as a
forecast of 0, as in cells.py.
"""
import json
import pathlib
import sys

import numpy as np
import pandas as pd

import demand_inputs as inputs

COVERED_FROM_WEEK = 14
# Intervals are scored on the last weeks only: those for which the comparison models have any.
INTERVAL_WEEKS = 8
# z of a two-sided 95 % interval.
Z95 = 1.959964


def told(value):
    """A number for JSON; what cannot be known is null."""
    return None if value is None or not np.isfinite(value) else float(value)


def week_numbers(periods, first):
    """Week numbers of ISO weeks as text."""
    days = pd.to_datetime(periods.str.replace("W", "") + "-1", format="%G-%V-%u")
    # A week of a set may begin in the middle of an ISO week: its own first day lies in that week.
    return ((days - first).dt.days / 7).round().astype(int)


def effects_of(fit):
    return pd.read_csv(pathlib.Path(fit) / "effects.csv", dtype={"unit_id": str, "partner_id": str})


# Worlds with known truth.

def effects(world, fit):
    truth = item_truth(pathlib.Path(world))
    given = effects_of(fit)
    figures = {}
    of_pairs = given[(given.effect == "cross_price") & given.partner_id.notna()]
    pairs = of_pairs.merge(pair_truth(pathlib.Path(world)), on=["unit_id", "partner_id"])
    figures["cross_price"] = scored(pairs, "cross_elasticity")
    for effect, column in (("own_price", "own_elasticity"), ("dip", "dip"), ("feature", "feature_log_lift"),
                           ("display", "display_log_lift")):
        if column in truth:
            figures[effect] = scored(given[given.effect == effect].merge(truth, on="unit_id"), column)
    own = given[given.effect == "own_price"].merge(truth, on="unit_id")
    figures["refused"] = int((own.status == "not_identified").sum())
    figures["flagged"] = flagged(own)
    figures["sensitivity_coverage"] = None
    if "sensitivity_lo95" in own:
        inside = own.own_elasticity.between(own.sensitivity_lo95, own.sensitivity_hi95)
        figures["sensitivity_coverage"] = told(inside.mean())
        figures["sensitivity_width"] = told((own.sensitivity_hi95 - own.sensitivity_lo95).mean())
    return figures


def item_truth(world):
    """What is true of the items, by unit_id; there is no dip per log lift in the twin's shoppers."""
    if (world / "truth_items.csv").exists():
        return pd.read_csv(world / "truth_items.csv", dtype={"unit_id": str})
    truth = pd.read_parquet(world / "truth_sku.parquet")
    truth["unit_id"], truth["dip"] = truth.sku.astype(str), -truth.dip
    return truth


def pair_truth(world):
    """True effect of the price of each substitute (partner_id) on each item (unit_id)."""
    if (world / "truth_cross.csv").exists():
        pairs = pd.read_csv(world / "truth_cross.csv", dtype=str).rename(columns=dict(other_id="partner_id"))
    else:
        pairs = pd.read_parquet(world / "truth_cross.parquet").rename(columns=dict(sku="unit_id", other="partner_id"))
    pairs[["unit_id", "partner_id"]] = pairs[["unit_id", "partner_id"]].astype(str)
    return pairs.assign(cross_elasticity=pairs.cross_elasticity.astype(float))


def flagged(own):
    """Share of intervals that are called unsafe for a demand signal that the panel does not show; null when the file
    has no place to say so."""
    if "unseen_demand" not in own:
        return None
    return told((own.unseen_demand == "found").mean())


def scored(rows, truth):
    """Bias, error and coverage over items; items for which the effect is refused count as covered by no one."""
    given = rows[rows.estimate.notna()]
    off = given.estimate - given[truth]
    inside = given[truth].between(given.lo95, given.hi95)
    # A true effect that its own data can tell from 0: beyond two of its standard errors.
    clear = given[given[truth].abs() > 2 * given.se]
    return dict(n=len(rows), bias=told(off.mean()), rmse=told(np.sqrt((off**2).mean())),
                coverage=told(inside.sum() / max(len(rows), 1)), width=told((given.hi95 - given.lo95).mean()),
                clear=len(clear), sign_right=told((np.sign(clear.estimate) == np.sign(clear[truth])).mean()))


def events(world, fit):
    """Reported against true units. A reported run of several weeks is held against the sum of its weeks."""
    world = pathlib.Path(world)
    if (world / "truth_events.csv").exists():
        names = dict(unit_id="sku", own="own_incremental", net="net_incremental", pulled_forward="dip")
        truth = pd.read_csv(world / "truth_events.csv").rename(columns=names)
        first = pd.to_datetime(pd.read_parquet(world / "panel.parquet").period.min().replace("W", "") + "-1", format="%G-%V-%u")
        start = first - pd.Timedelta(days=7)
        truth["week"] = week_numbers(truth.first_period, start)
    else:
        truth, start = pd.read_parquet(world / "truth_events.parquet"), inputs.WORLD_WEEK_0
    given = pd.read_csv(pathlib.Path(fit) / "events.csv", dtype={"unit_id": str})
    first, last = (week_numbers(given[name], start) for name in ("first_period", "last_period"))
    runs = {}
    for row, (unit, begin, end) in enumerate(zip(given.unit_id, first, last)):
        runs.update({(unit, week): row for week in range(begin, end + 1)})
    truth["run"] = [runs.get(key) for key in zip(truth.sku.astype(str), truth.week)]
    figures = {}
    for name, part in (("all", truth), ("from week 14", truth[truth.week >= COVERED_FROM_WEEK])):
        by_run = part.dropna(subset="run").groupby("run")[["own_incremental", "cannibalised", "dip", "net_incremental"]].sum()
        by_run = by_run.add_suffix("_true")
        both = given.loc[by_run.index.astype(int)].reset_index(drop=True).join(by_run.reset_index(drop=True))
        net = part.net_incremental.sum()
        missed = part[part.run.isna()].net_incremental.abs().sum()
        ratio = lambda told_units, true_units: told(both[told_units].sum() / part[true_units].sum())
        naive = both.dropna(subset="naive")
        figures[name] = dict(
            events=len(part), unmatched=int(part.run.isna().sum()), true_net=told(net),
            net_ratio=ratio("net", "net_incremental"), own_ratio=ratio("own", "own_incremental"),
            cannibalised_ratio=ratio("cannibalised", "cannibalised"),
            dip_ratio=ratio("pulled_forward", "dip") if abs(part.dip.sum()) > 1 else None,
            event_error=told(((both.net - both.net_incremental_true).abs().sum() + missed) / part.net_incremental.abs().sum()),
            coverage=told(both.net_incremental_true.between(both.net_lo95, both.net_hi95).mean()),
            naive_ratio=told(naive.naive.sum() / naive.net_incremental_true.sum()),
            naive_error=told((naive.naive - naive.net_incremental_true).abs().sum() / naive.net_incremental_true.abs().sum()))
    return figures


# Held-out cells.

def panel_of(path, kind):
    """Series, week, group and whether promoted, of every cell of a panel."""
    panel = pd.read_parquet(path)
    if kind == "cj":
        panel["series"], panel["part"] = panel.product_id.astype(str), panel.category
        panel["unit_id"], panel["place_id"] = panel.series, "chain"
        panel["ppg"] = panel.category + "~" + panel.ppg
        return panel, inputs.CJ_WEEK_0
    panel["unit_id"], panel["place_id"] = panel.brand.astype(str), panel.store.astype(str)
    panel["series"], panel["part"] = panel.place_id + "_" + panel.unit_id, "OJ"
    panel["ppg"] = panel.unit_id
    return panel, inputs.DOMINICKS_FIRST - pd.Timedelta(days=7)


def answered(panel_path, kind, forecasts):
    """The held-out cells of the origins, with what was forecast from each."""
    panel, first = panel_of(panel_path, kind)
    weeks = {name: week for name, week in zip(inputs.iso_weeks(first, panel.week.unique()), panel.week.unique())}
    parts = []
    for origin, path in forecasts:
        cells = panel[(panel.week > origin) & (panel.week <= origin + inputs.HORIZON) & panel.units.notna()].copy()
        cells["origin"] = origin
        given = pd.read_parquet(path)
        given["week"] = given.period.astype(str).map(weeks)
        parts.append(cells.merge(given, on=["unit_id", "place_id", "week"], how="left"))
    return pd.concat(parts, ignore_index=True)


def answers(panel, kind, out, forecasts):
    cells = answered(panel, kind, forecasts)
    product = cells[["series", "origin", "week"]].copy()
    product["pred"], product["lo90"], product["hi90"] = cells["mean"], cells.q05, cells.q95
    product.dropna().to_csv(out, index=False)
    return dict(rows=len(product))


def wmape(cells, name):
    return told((cells.units - cells[name]).abs().sum() / cells.units.sum())


def bias(cells, name):
    return told((cells[name] - cells.units).sum() / cells.units.sum())


def interval(cells):
    width = cells.q95 - cells.q05
    miss = (cells.q05 - cells.units).clip(lower=0) + (cells.units - cells.q95).clip(lower=0)
    return dict(coverage=told((miss <= 1e-9).mean()), below=told((cells.units < cells.q05 - 1e-9).mean()),
                above=told((cells.units > cells.q95 + 1e-9).mean()), width=told(width.mean() / cells.units.mean()),
                score=told((width + 20 * miss).mean() / cells.units.mean()))


def cells(panel, kind, forecasts):
    """WMAPE by the mean and by the median; sums are of means; intervals on the last 8 weeks."""
    cells = answered(panel, kind, forecasts)
    figures = dict(cells=len(cells), unanswered=int(cells["mean"].isna().sum()))
    cells[["mean", "q50", "q05", "q95"]] = cells[["mean", "q50", "q05", "q95"]].fillna(0)
    promoted = cells[cells.promo == 1]
    sets = dict(promoted=promoted, deep=promoted[promoted.depth >= 0.2], base=cells[cells.promo == 0], all=cells)
    figures["sets"] = {name: dict(cells=len(part), units=told(part.units.sum()), wmape=wmape(part, "mean"),
                                  wmape_median=wmape(part, "q50"), bias=bias(part, "mean"),
                                  interval=interval(part[part.week > cells.week.max() - INTERVAL_WEEKS]))
                       for name, part in sets.items()}
    by = ["ppg", "part", "origin", "week"]
    sums = cells.groupby(by)[["units", "mean"]].sum().join(cells.groupby(by).promo.mean())
    sums = sums[sums.promo >= 0.5]
    figures["group"] = dict(cells=len(sums), wmape=wmape(sums, "mean"), bias=bias(sums, "mean"))
    figures["category"] = summed(promoted, ["part", "week"])
    figures["chain_item"] = summed(promoted, ["unit_id", "week"])
    figures["total"] = summed(promoted, ["week"])
    by_week = promoted.groupby("week")[["units", "mean"]].sum()
    figures["sums"] = chain_weeks(cells, forecasts)
    figures["weekly_bias"] = {str(week): told(row["mean"] / row.units - 1) for week, row in by_week.iterrows()}
    return figures


def chain_weeks(cells, forecasts):
    """Whether what all cells sold in a week lies in the interval that `endcap forecast --json` gives for the period;
    null where it gives none."""
    totals = cells.groupby(["origin", "period"]).units.sum()
    inside = []
    for origin, path in forecasts:
        told = json.loads(pathlib.Path(path).with_suffix(".json").read_text())
        rows = [row for row in told["periods"] if "q05" in row and "q95" in row]
        inside += [row["q05"] <= totals[(origin, str(row["period"]))] <= row["q95"] for row in rows]
    return dict(weeks=len(inside), coverage=told_mean(inside))


def told_mean(values):
    return told(np.mean(values)) if values else None


def summed(cells, by):
    sums = cells.groupby(by)[["units", "mean"]].sum()
    return dict(cells=len(sums), wmape=wmape(sums, "mean"))


def cold(panel, forecast):
    panel, first = panel_of(panel, "cj")
    held = panel[(panel.product_id % 5 == 0) & (panel.week >= 45)].copy()
    held["period"] = inputs.iso_weeks(first, held.week)
    given = held.merge(pd.read_parquet(forecast).astype({"period": str}), on=["unit_id", "place_id", "period"], how="left")
    given["unanswered"] = given["mean"].isna()
    given[["mean", "q50"]] = given[["mean", "q50"]].fillna(0)
    totals = given.groupby("unit_id")[["units", "mean"]].sum()
    sets = dict(promoted=given[given.promo == 1], base=given[given.promo == 0])
    return dict(items=int(given.unit_id.nunique()), unanswered=int(given.unanswered.sum()),
                total_by_item=wmape(totals, "mean"),
                sets={name: dict(cells=len(part), wmape=wmape(part, "mean"), wmape_median=wmape(part, "q50"),
                                 bias=bias(part, "mean"), interval=interval(part.dropna(subset="q05")))
                      for name, part in sets.items()})


# Real panels without truth.

def brands(fit, results, refused, history=None):
    """Whether each own interval holds the week-clustered estimate; refused: items that must not be estimated. The results'
    estimates are of any move of the price; with a history those of its cuts alone, as a fit's own price effect is, are made
    beside them."""
    own = effects_of(fit).query("effect == 'own_price'")
    wanted = [item for item in refused.split(",") if item]
    figures = dict(refused_right=[bool((own[own.unit_id == item].status == "not_identified").all()) for item in wanted],
                   items=[dict(item=row.unit_id, estimate=told(row.estimate), lo95=told(row.lo95), hi95=told(row.hi95),
                               status=row.status) for row in own.itertuples()])
    if results == "-":
        return figures
    references = pd.read_csv(results, dtype={"segment": str})
    for method in ("FE + controls, cluster week", "FE + controls + week FE, cluster week"):
        both = own.merge(references[references.method == method], left_on="unit_id", right_on="segment")
        inside = both.estimate_y.between(both.lo95, both.hi95)
        overlap = (both.lo95 <= both.estimate_y + Z95 * both.se_y) & (both.hi95 >= both.estimate_y - Z95 * both.se_y)
        figures[method] = dict(contained=int(inside.sum()), overlapping=int(overlap.sum()), of=len(both),
                               mean_reference=told(both.estimate_y.mean()), mean_reference_se=told(both.se_y.mean()))
    if history:
        both = own.merge(pd.DataFrame(price_cuts(pd.read_parquet(history))), on="unit_id")
        figures["price cuts, week effects"] = dict(contained=int(both.reference.between(both.lo95, both.hi95).sum()),
                                                   of=len(both), mean_reference=told(both.reference.mean()),
                                                   mean_reference_se=told(both.reference_se.mean()))
    figures["mean_estimate"], figures["mean_se"] = told(own.estimate.mean()), told(own.se.mean())
    return figures


def price_cuts(panel):
    """Per item: log units on the log price cut, given the base price, support, the other items' mean cut, the cuts of two
    periods before, places and weeks; standard errors clustered by week."""
    panel = panel[panel.units > 0].sort_values(["unit_id", "place_id", "period"])
    panel = panel.assign(cut=np.log(panel.price / panel.base_price), base=np.log(panel.base_price), y=np.log(panel.units))
    cell = panel.groupby(["place_id", "period"]).cut
    panel["others"] = (cell.transform("sum") - panel.cut) / (cell.transform("count") - 1).clip(lower=1)
    series = panel.groupby(["unit_id", "place_id"]).cut
    panel["before"], panel["long_before"] = series.shift(1), series.shift(2)
    columns = ["y", "cut", "base", "feature", "display", "others", "before", "long_before"]
    for item, rows in panel.dropna(subset="long_before").groupby("unit_id"):
        weeks = pd.factorize(rows.period)[0]
        values = within(rows[columns].to_numpy(float), [pd.factorize(rows.place_id)[0], weeks])
        x, y = values[:, 1:], values[:, 0]
        x = x[:, x.std(axis=0) > 1e-9]
        bread = np.linalg.inv(x.T @ x)
        effects = bread @ x.T @ y
        scores = np.column_stack([np.bincount(weeks, column * (y - x @ effects)) for column in x.T])
        yield dict(unit_id=item, reference=effects[0], reference_se=np.sqrt((bread @ scores.T @ scores @ bread)[0, 0]))


def discount(history, fit, *others):
    """Items' own elasticities, weighted by the variance of their prices, beside fixed-effects estimates of the same rows
    (series and days; all days and days without a stock-out). Other fits, of the same items by another treatment of
    stock-outs, are weighted alike over the items that no fit refuses."""
    panel = pd.read_parquet(history)
    fits = [effects_of(one).query("effect == 'own_price'").set_index("unit_id") for one in (fit, *others)]
    kept = [set(one.index[one.status != "not_identified"]) for one in fits]
    items = sorted(set.intersection(*kept))
    spread = panel.assign(x=np.log(panel.price)).groupby("unit_id").x.agg(["var", "count"]).prod(axis=1)[items]
    units = panel.groupby("unit_id").units.sum()[items]
    mean = lambda one, w: told((one.estimate[items] * w).sum() / w.sum())
    return dict(items=int(panel.unit_id.nunique()), estimated=len(items), by_units=mean(fits[0], units),
                by_variance=mean(fits[0], spread), others=[mean(one, spread) for one in fits[1:]],
                median=told(fits[0].estimate[items].median()), reference_all=fixed_effects(panel),
                reference_in_stock=fixed_effects(panel[panel.stockout_share == 0]))


def fixed_effects(panel):
    """Log units on log price given series and days, by alternating projections; rows without a sale are left out."""
    rows = panel[panel.units > 0]
    keys = [pd.factorize(rows.unit_id + "|" + rows.place_id)[0], pd.factorize(rows.period)[0]]
    values = within(np.column_stack([np.log(rows.units), np.log(rows.price), rows.feature]), keys)
    return told(np.linalg.lstsq(values[:, 1:], values[:, 0], rcond=None)[0][0])


def within(values, keys):
    """Columns less their means by each key, by alternating projections."""
    for _ in range(30):
        for key in keys:
            count = np.bincount(key)
            values = values - np.column_stack([np.bincount(key, column) / count for column in values.T])[key]
    return values


def main():
    what, *given = sys.argv[1:]
    pairs = lambda words: [(int(origin), path) for origin, path in (word.split("=", 1) for word in words)]
    if what == "cells":
        figures = cells(given[0], given[1], pairs(given[2:]))
    elif what == "answers":
        figures = answers(given[0], given[1], given[2], pairs(given[3:]))
    else:
        figures = dict(effects=effects, events=events, cold=cold, brands=brands, discount=discount)[what](*given)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
