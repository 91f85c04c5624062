//! Plays the VN2 inventory game on its published history: eight weeks at a time, an order every week, 0.2 per unit held
//! and week and 1 per lost sale, an order of the end of week t there at the start of t + 3.
//!
//! `cargo run --release -p endcap-supply --example vn2 -- FOLDER`, FOLDER with the game's `history.csv`,
//! `initial_state.csv` and `master.csv`. Prints JSON: per origin and in all, what the organiser's benchmark
//! policy costs, what `answer` (the code behind `endcap supply`) costs, and what orders with perfect foresight would.
//!
//! Fixed before anything was tuned: six origins whose eight weeks do not overlap and end with the history; the third
//! and the last are held out and count. The game begins with the stock of the real one, dealt to the cells by their
//! rank in sales of the last 13 weeks and scaled to them, so that it covers as many weeks. As in the game, a player is
//! told the demand of a week, met or not. A cell with a week among the eight in which the real shelf was empty has no
//! known demand there, and is left out of that origin.

use endcap_model::{Calendar, Group, Period, Place, Sku};
use endcap_supply::{DeliveryRow, ItemRow, SalesHistory, SalesRow, StockRow, SupplyConfig, SupplyRequest, answer};
use std::collections::BTreeMap;
use std::path::Path;

const WEEKS: i32 = 8;
const HOLDING: f64 = 0.2;
const SHORTAGE: f64 = 1.0;
/// Weeks between the origin and the end of the history; the second of each pair says whether it is held out.
const ORIGINS: [(i32, bool); 6] = [(48, false), (40, false), (32, true), (24, false), (16, false), (8, true)];

type Cell = (Sku, Place);
type AnyError = Box<dyn std::error::Error>;
type Orders = BTreeMap<Cell, i64>;

/// The game's files.
struct Game {
    history: BTreeMap<Cell, BTreeMap<Period, SalesRow>>,
    /// Pieces on hand, and arriving in the next two weeks.
    state: BTreeMap<Cell, [i64; 3]>,
    groups: BTreeMap<Sku, Group>,
    end: Period,
}

/// One cell while the weeks are played.
struct Shelf {
    on_hand: i64,
    arriving: Vec<(Period, i64)>,
    demand: Vec<f64>,
}

/// What a player sees.
struct World {
    origin: Period,
    shelves: BTreeMap<Cell, Shelf>,
    sales: Vec<SalesRow>,
    items: Vec<ItemRow>,
}

#[derive(Clone, Copy, Default)]
struct Cost {
    held: f64,
    lost: f64,
}

fn main() -> Result<(), AnyError> {
    let folder = std::env::args().nth(1).ok_or("expected the folder of the game's files")?;
    let game = Game::read(Path::new(&folder))?;
    let players: [(&str, Player); 3] =
        [("benchmark", benchmark_orders), ("endcap", endcap_orders), ("foresight", foresight_orders)];
    let mut sums: BTreeMap<(bool, &str), f64> = BTreeMap::new();
    for (back, held_out) in ORIGINS {
        let origin = game.end.plus(-back);
        let cells = game.world(origin).shelves.len();
        print!("{{\"origin\":\"{}\",\"held_out\":{held_out},\"cells\":{cells}", Calendar::Week.format(origin));
        let mut totals = Vec::new();
        for (name, player) in players {
            let Cost { held, lost } = play(game.world(origin), origin, player)?;
            print!(",\"{name}\":{{\"cost\":{:.1},\"held\":{held:.1},\"lost\":{lost:.1}}}", held + lost);
            *sums.entry((held_out, name)).or_default() += held + lost;
            totals.push(held + lost);
        }
        println!(",\"below_benchmark\":{:.4}}}", 1.0 - totals[1] / totals[0]);
    }
    for (name, held_out) in [("tuned_on", false), ("held_out", true)] {
        let [benchmark, endcap, foresight] =
            ["benchmark", "endcap", "foresight"].map(|player| sums[&(held_out, player)]);
        let below = 1.0 - endcap / benchmark;
        println!(
            "{{\"origins\":\"{name}\",\"benchmark\":{benchmark:.1},\"endcap\":{endcap:.1},\"foresight\":{foresight:.1},\"below_benchmark\":{below:.4}}}"
        );
    }
    Ok(())
}

type Player = fn(&World, Period) -> Result<Orders, AnyError>;

fn play(mut world: World, origin: Period, player: Player) -> Result<Cost, AnyError> {
    let mut cost = Cost::default();
    for week in 0..WEEKS {
        let now = origin.plus(week);
        for (cell, quantity) in player(&world, now)? {
            let shelf = world.shelves.get_mut(&cell).ok_or("an order for an unknown cell")?;
            shelf.arriving.push((now.plus(2), quantity));
        }
        for ((sku, place), shelf) in &mut world.shelves {
            shelf.on_hand += shelf.arriving.iter().filter(|(when, _)| *when == now).map(|(_, n)| n).sum::<i64>();
            shelf.arriving.retain(|(when, _)| *when > now);
            let units = shelf.demand[week as usize];
            let sold = (units as i64).min(shelf.on_hand);
            shelf.on_hand -= sold;
            cost.held += HOLDING * shelf.on_hand as f64;
            cost.lost += SHORTAGE * (units - sold as f64);
            world.sales.push(SalesRow { sku: sku.clone(), place: place.clone(), period: now, units, in_stock: true });
        }
    }
    Ok(cost)
}

/// What `endcap supply` would order at the end of the week before `now`.
fn endcap_orders(world: &World, now: Period) -> Result<Orders, AnyError> {
    let stock = world.shelves.iter().map(|((sku, place), shelf)| StockRow {
        row: 0,
        place: place.clone(),
        sku: sku.clone(),
        on_hand: shelf.on_hand,
    });
    let deliveries = world.shelves.iter().flat_map(|((sku, place), shelf)| {
        shelf.arriving.iter().map(|&(arrives, quantity)| DeliveryRow {
            row: 0,
            place: place.clone(),
            sku: sku.clone(),
            arrives,
            quantity,
        })
    });
    let request = SupplyRequest {
        sales: SalesHistory { calendar: Calendar::Week, rows: world.sales.clone() },
        stock: stock.collect(),
        deliveries: deliveries.collect(),
        items: world.items.clone(),
        feeds: Vec::new(),
        forecast: None,
    };
    let config: SupplyConfig = toml::from_str(&format!(
        "lead_time_periods = 3\nholding_cost = {HOLDING:?}\nshortage_cost = {SHORTAGE:?}\nhorizon = 3\npaths = 1"
    ))?;
    let plan = answer(&request, &config, &|_, _| ())?.plan;
    Ok(plan.orders_of(now.plus(-1)).map(|order| ((order.sku.clone(), order.place.clone()), order.quantity.0)).collect())
}

/// The organiser's benchmark: weekly factors over all items, mean of the last 13 weeks, order up to 4 weeks.
fn benchmark_orders(world: &World, now: Period) -> Result<Orders, AnyError> {
    let week = |period: Period| Calendar::Week.start_date(period).map_or(0, |day| day.iso_week_date().week().min(52));
    let (mut by_week, mut all) = (BTreeMap::<i8, (f64, f64)>::new(), (0.0, 0.0));
    for row in world.sales.iter().filter(|row| row.in_stock) {
        let sums = by_week.entry(week(row.period)).or_default();
        *sums = (sums.0 + row.units, sums.1 + 1.0);
        all = (all.0 + row.units, all.1 + 1.0);
    }
    let factor = |period: Period| {
        let (units, rows) = by_week.get(&week(period)).copied().unwrap_or(all);
        (units / rows) / (all.0 / all.1)
    };
    let mut recent: BTreeMap<Cell, (f64, f64)> = BTreeMap::new();
    for row in world.sales.iter().filter(|row| row.in_stock && row.period >= now.plus(-13)) {
        let sums = recent.entry((row.sku.clone(), row.place.clone())).or_default();
        *sums = (sums.0 + row.units / factor(row.period), sums.1 + 1.0);
    }
    let order = |(cell, shelf): (&Cell, &Shelf)| {
        let (units, weeks) = recent.get(cell).copied().unwrap_or((0.0, 1.0));
        let cover: f64 = (0..4).map(|ahead| units / weeks * factor(now.plus(ahead))).sum();
        (cell.clone(), (cover.round() as i64 - shelf.position()).max(0))
    };
    Ok(world.shelves.iter().map(order).collect())
}

/// Orders that know the demand: a floor for every policy.
fn foresight_orders(world: &World, now: Period) -> Result<Orders, AnyError> {
    let week = (now.0 - world.origin.0) as usize;
    let order = |(cell, shelf): (&Cell, &Shelf)| {
        let demand = |ahead: usize| shelf.demand.get(week + ahead).map_or(0, |&units| units as i64);
        let mut stock = shelf.on_hand;
        for ahead in 0..2 {
            let arriving = shelf.arriving.iter().filter(|(when, _)| *when == now.plus(ahead as i32));
            stock = (stock + arriving.map(|(_, pieces)| pieces).sum::<i64>() - demand(ahead)).max(0);
        }
        (cell.clone(), (demand(2) - stock).max(0))
    };
    Ok(world.shelves.iter().map(order).collect())
}

impl Shelf {
    fn position(&self) -> i64 {
        self.on_hand + self.arriving.iter().map(|(_, pieces)| pieces).sum::<i64>()
    }
}

impl Game {
    fn read(folder: &Path) -> Result<Self, AnyError> {
        let cell = |row: &[String]| (Sku::new(&row[1]), Place::new(&row[0]));
        let mut history: BTreeMap<Cell, BTreeMap<Period, SalesRow>> = BTreeMap::new();
        for row in table(&folder.join("history.csv"), &["store", "product", "week", "units", "in_stock"])? {
            let (sku, place) = cell(&row);
            let (period, in_stock) = (Calendar::Week.parse(&row[2])?, matches!(row[4].as_str(), "1" | "True" | "true"));
            let sold = SalesRow { sku, place, period, units: row[3].parse()?, in_stock };
            history.entry(cell(&row)).or_default().insert(period, sold);
        }
        let mut state = BTreeMap::new();
        let columns = ["store", "product", "end_inventory", "in_transit_w1", "in_transit_w2"];
        for row in table(&folder.join("initial_state.csv"), &columns)? {
            state.insert(cell(&row), [row[2].parse()?, row[3].parse()?, row[4].parse()?]);
        }
        let groups = table(&folder.join("master.csv"), &["store", "product", "department"])?;
        let last = history.values().filter_map(|rows| rows.keys().next_back()).max();
        let end = last.ok_or("the history is empty")?.plus(1);
        Ok(Self { history, state, groups: groups.iter().map(|row| (cell(row).0, Group::new(&row[2]))).collect(), end })
    }

    /// Mean units of a cell's 13 weeks before a period, of those in which stock lasted.
    fn mean(&self, cell: &Cell, before: Period) -> f64 {
        let met = || self.history[cell].range(before.plus(-13)..before).filter(|(_, row)| row.in_stock);
        met().map(|(_, row)| row.units).sum::<f64>() / met().count().max(1) as f64
    }

    /// Cells by their mean before a period, the slowest first.
    fn ranked(&self, before: Period) -> Vec<(&Cell, f64)> {
        let mut cells: Vec<(&Cell, f64)> = self.state.keys().map(|cell| (cell, self.mean(cell, before))).collect();
        cells.sort_by(|a, b| a.1.total_cmp(&b.1).then_with(|| a.0.cmp(b.0)));
        cells
    }

    fn world(&self, origin: Period) -> World {
        let mut shelves = BTreeMap::new();
        for ((cell, mean), (source, mean_at_end)) in self.ranked(origin).into_iter().zip(self.ranked(self.end)) {
            let weeks: Vec<&SalesRow> =
                self.history[cell].range(origin..origin.plus(WEEKS)).map(|(_, row)| row).collect();
            if weeks.iter().any(|row| !row.in_stock) {
                continue;
            }
            let scale = if mean > 0.0 && mean_at_end > 0.0 { mean / mean_at_end } else { 1.0 };
            let [on_hand, first, second] = self.state[source].map(|pieces| (pieces as f64 * scale).round() as i64);
            let arriving = vec![(origin, first), (origin.plus(1), second)];
            let demand = weeks.iter().map(|row| row.units).collect();
            shelves.insert(cell.clone(), Shelf { on_hand, arriving, demand });
        }
        let sales = self.history.values().flat_map(|rows| rows.range(..origin).map(|(_, row)| row.clone())).collect();
        World { origin, shelves, sales, items: self.groups.iter().map(|(sku, group)| item(sku, group)).collect() }
    }
}

fn item(sku: &Sku, group: &Group) -> ItemRow {
    ItemRow { group: Some(group.clone()), ..ItemRow::new(sku.clone()) }
}

/// Reads columns of a CSV file by name.
fn table(file: &Path, columns: &[&str]) -> Result<Vec<Vec<String>>, AnyError> {
    let text = std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let mut lines = text.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let header = lines.next().unwrap_or_default();
    let at = |column: &&str| {
        let found = header.iter().position(|name| name == column);
        found.ok_or_else(|| format!("{}: there is no column {column}", file.display()))
    };
    let columns = columns.iter().map(at).collect::<Result<Vec<usize>, String>>()?;
    let row = |line: Vec<&str>| {
        columns.iter().map(|&at| line.get(at).map(|text| (*text).to_owned())).collect::<Option<Vec<String>>>()
    };
    lines.map(|line| row(line).ok_or_else(|| format!("{}: a line is too short", file.display()).into())).collect()
}
