"""Writes what Endcap may see of a benchmark's data, in the columns of docs/formats.md (Panel; forecast plan).

    python3 demand_inputs.py world PANEL OUT               # a panel of simulate.py -> OUT/history.parquet
    python3 demand_inputs.py cj MASKED ORIGIN OUT          # cells.py mask -> OUT/history.parquet, OUT/plan.parquet
    python3 demand_inputs.py oj MASKED ORIGIN BRANDS OUT   # the same; ORIGIN all: the whole history, no plan
    python3 demand_inputs.py cold PANEL OUT                # SKUs with product_id % 5 == 0 have no history
    python3 demand_inputs.py tuna FILE OUT                 # Dominick's tuna, chain x week
    python3 demand_inputs.py fresh FOLDER OUT [--part K]   # FreshRetailNet: stores with store_id % 10 == K; the same rows as if
                                                           # stock had always lasted -> OUT/all-days, and the days in stock
                                                           # alone -> OUT/days-in-stock
    python3 demand_inputs.py censored FOLDER OUT           # whole days of the hourly sample cut short by hand -> OUT/censored.csv

Prints one JSON line: what the command line of Endcap needs (`controls`) and how many rows there are. Nothing that was
sold after the origin gets into any file.
"""
import argparse
import json
import pathlib

import numpy as np
import pandas as pd

HORIZON = 4
# The first day of week 1 of Dominick's; Complete Journey's week 2 begins on Monday 2 January 2017.
DOMINICKS_FIRST = pd.Timestamp("1989-09-14")
FRESH_DAY_0 = pd.Timestamp("2024-03-28")
# Stores whose sales are known by the hour, and the hours that stock-outs are counted in.
HOURLY_PART, FIRST_HOUR, LAST_HOUR = 7, 6, 22
CJ_WEEK_0 = pd.Timestamp("2016-12-19")
# Made-up worlds have years of 52 weeks, as these two calendar years do.
WORLD_WEEK_0 = pd.Timestamp("2021-12-27")


def iso_weeks(first, weeks):
    """ISO weeks, as text, of the week numbers that count from `first`, the day that begins number 0."""
    names = {}
    for week in np.unique(weeks):
        year, number, _ = (first + pd.Timedelta(days=7 * int(week))).isocalendar()
        names[week] = f"{year}-W{number:02d}"
    return pd.Series(weeks).map(names).to_numpy()


def text(values):
    return np.asarray(values).astype(str)


def world(panel):
    """A simulated panel: a share of stock-outs of 1 says that stock ran out in the week, as the simulator does."""
    return pd.DataFrame(dict(
        unit_id=text(panel.sku), place_id=text(panel.store), period=iso_weeks(WORLD_WEEK_0, panel.week),
        units=panel.units.astype(float), price=panel.price, base_price=panel.regular_price,
        feature=panel.feature.astype(float), display=panel.display.astype(float), stockout_share=1.0 - panel.in_stock,
        group_id=text(panel.group), tier_id=text(panel.tier), holiday=panel.holiday.astype(float))), ["holiday"]


def complete_journey(panel):
    """The chain as one place; flavours that are priced together are a tier of their category."""
    return pd.DataFrame(dict(
        unit_id=text(panel.product_id), place_id="chain", period=iso_weeks(CJ_WEEK_0, panel.week),
        units=panel.units, price=panel.net_price, base_price=panel.ref_price, feature=panel.mailer_share.clip(0, 1),
        display=panel.display_share.clip(0, 1), group_id=text(panel.category), tier_id=text(panel.ppg),
        mailer_front_share=panel.mailer_front_share, week=panel.week)), ["mailer_front_share"]


def orange_juice(panel, brands):
    """Brands are items of one group; the brands' tiers are the set's own."""
    tiers = brands.set_index("brand").tier
    return pd.DataFrame(dict(
        unit_id=text(panel.brand), place_id=text(panel.store),
        period=iso_weeks(DOMINICKS_FIRST - pd.Timedelta(days=7), panel.week), units=panel.units.round(),
        price=panel.net_price, base_price=panel.ref_price, feature=panel.feat, display=panel.deal.clip(0, 1),
        group_id="orange juice", tier_id=text(panel.brand.map(tiers)), week=panel.week)), []


def tuna(panel):
    """Seven brands of the chain; the price without promotion is the 75th percentile of the 13 weeks before and now."""
    long = []
    for brand in range(1, 8):
        price = np.exp(panel[f"lprice{brand}"])
        base = price.rolling(13, min_periods=1).quantile(0.75)
        long.append(pd.DataFrame(dict(
            unit_id=str(brand), place_id="chain", period=np.arange(len(panel)), units=panel[f"move{brand}"].astype(float),
            price=price, base_price=base, display=panel[f"nsale{brand}"].astype(float).clip(0, 1), group_id="tuna")))
    return pd.concat(long, ignore_index=True), []


def fresh(folder, part):
    """A tenth of the stores; a discount of 0 is no price and is left out."""
    series = pd.read_parquet(folder / "series.parquet")
    series = series[series.store_id % 10 == part]
    daily = pd.read_parquet(folder / "daily.parquet", filters=[("series_id", "in", series.series_id.tolist())])
    daily = daily[daily.discount > 0].merge(series, on="series_id")
    daily["dt"] = FRESH_DAY_0 + pd.to_timedelta(daily.day, unit="D")
    daily = daily.merge(pd.read_parquet(folder / "store_day.parquet"), on=["store_id", "dt"], how="left")
    controls = ["holiday_flag", "precpt", "avg_temperature"]
    panel = pd.DataFrame(dict(
        unit_id=text(daily.product_id), place_id=text(daily.store_id), period=daily["dt"].dt.strftime("%Y-%m-%d"),
        units=daily["sale"], price=daily.discount.clip(upper=1.0), base_price=1.0,
        feature=daily.activity_flag.astype(float), stockout_share=daily.stockout_hours_6_22 / 16.0,
        group_id=text(daily.second_category_id)))
    for name in controls:
        panel[name] = daily[name].astype(float).fillna(daily[name].mean())
    return panel.sort_values(["unit_id", "place_id", "period"]), controls


def censored(folder):
    """Days that never ran out, of which a third are cut after a random hour of selling: what was sold until then, the share of
    the time that is cut off, and, for the score alone, the day's whole sales."""
    panel, _ = fresh(folder, HOURLY_PART)
    hours = [f"h{hour:02d}" for hour in range(FIRST_HOUR, LAST_HOUR)]
    hourly = pd.read_parquet(folder / "hourly_sample.parquet", columns=["series_id", "day", *hours])
    hourly = hourly.merge(pd.read_parquet(folder / "series.parquet")[["series_id", "store_id", "product_id"]], on="series_id")
    hourly["unit_id"], hourly["place_id"] = text(hourly.product_id), text(hourly.store_id)
    hourly["period"] = (FRESH_DAY_0 + pd.to_timedelta(hourly.day, unit="D")).dt.strftime("%Y-%m-%d")
    rows = panel[panel.stockout_share == 0].merge(hourly, on=["unit_id", "place_id", "period"])
    chance = np.random.default_rng(0)
    until = chance.integers(3, len(hours), len(rows))
    cut = chance.random(len(rows)) < 1 / 3
    sold = np.cumsum(rows[hours].to_numpy(float), axis=1)
    early = sold[np.arange(len(rows)), until - 1]
    rows["demand"] = sold[:, -1]
    rows["units"] = np.where(cut, early, rows.demand)
    rows["stockout_share"] = np.where(cut, 1 - until / len(hours), 0.0)
    columns = ["unit_id", "place_id", "period", "units", "price", "base_price", "feature", "stockout_share", "group_id", "demand"]
    return rows[columns].sort_values(["unit_id", "place_id", "period"])


def write(frame, controls, out, origin=None, tell=True):
    """Splits at the origin where there is one; the plan carries no units."""
    out.mkdir(parents=True, exist_ok=True)
    told = dict(controls=controls)
    if origin is not None:
        plan = frame[(frame.week > origin) & (frame.week <= origin + HORIZON)].drop(columns="units")
        plan[plan.columns.drop("week")].to_parquet(out / "plan.parquet", index=False)
        told["plan_rows"] = len(plan)
        frame = frame[frame.week <= origin]
    frame = frame.drop(columns="week", errors="ignore")
    frame.to_parquet(out / "history.parquet", index=False)
    if tell:
        print(json.dumps(dict(told, rows=len(frame), items=int(frame.unit_id.nunique()))))


def cold(panel, out):
    """Weeks 2 to 44 of the SKUs that are not new; the plan of the new ones for weeks 45 to 52, with what they are."""
    frame, controls = complete_journey(panel)
    new = (panel.product_id % 5 == 0).to_numpy()
    out.mkdir(parents=True, exist_ok=True)
    attributes = panel[["product_type", "manufacturer_id", "package_size"]].astype(str).reset_index(drop=True)
    frame = pd.concat([frame.reset_index(drop=True), attributes], axis=1)
    history = frame[~new & (frame.week <= 44)].drop(columns="week")
    plan = frame[new & (frame.week >= 45)].drop(columns=["week", "units"])
    history.to_parquet(out / "history.parquet", index=False)
    plan.to_parquet(out / "plan.parquet", index=False)
    print(json.dumps(dict(controls=controls, rows=len(history), plan_rows=len(plan), items=int(history.unit_id.nunique()))))


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("kind", choices=["world", "cj", "oj", "cold", "tuna", "fresh", "censored"])
    arguments.add_argument("given", nargs="+")
    arguments.add_argument("--part", type=int, default=7)
    given = arguments.parse_args()
    *files, out = given.given
    out = pathlib.Path(out)
    if given.kind == "fresh":
        panel, controls = fresh(pathlib.Path(files[0]), given.part)
        write(panel.assign(stockout_share=0.0), controls, out / "all-days", tell=False)
        write(panel[panel.stockout_share == 0], controls, out / "days-in-stock", tell=False)
        return write(panel, controls, out)
    if given.kind == "censored":
        out.mkdir(parents=True, exist_ok=True)
        rows = censored(pathlib.Path(files[0]))
        rows.to_csv(out / "censored.csv", index=False)
        return print(json.dumps(dict(controls=[], rows=len(rows), items=int(rows.unit_id.nunique()))))
    panel = pd.read_parquet(files[0])
    if given.kind == "cold":
        return cold(panel, out)
    if given.kind in ("world", "tuna"):
        return write(*(world if given.kind == "world" else tuna)(panel), out)
    origin = None if files[1] == "all" else int(files[1])
    made = complete_journey(panel) if given.kind == "cj" else orange_juice(panel, pd.read_parquet(files[2]))
    write(*made, out, origin)


if __name__ == "__main__":
    main()
