//! Learn: what new facts say of the model that is used, when to fit again, and whether a challenger may take its place.
//!
//! Everything here is a function of facts and models; what is decided becomes an event. A refit never changes what the loop
//! uses: it makes a challenger, and the gate (`endcap_govern::succession`) lets it pass or not.

use crate::registry::Registry;
use endcap_demand::{
    Backtest, Contest, ContestSet, Drift, Fitted, Measured, contest, input_distributions, unseen, unsound, watch,
};
use endcap_govern::succession::{Evidence, Ruled, Rules, gain, rule};
use endcap_model::{
    Calendar, ContentHash, Contested, Gain, Hasher, Panel, RefitCause, Registered, SnapshotId, Span, Watched,
};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// When to fit again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefitRules {
    /// Periods after which it is time, counted from the history of the newest model.
    pub every: usize,
}

impl RefitRules {
    /// Four weeks, or four periods that have no name.
    pub fn usual(calendar: Calendar) -> Self {
        Self { every: if calendar == Calendar::Day { 28 } else { 4 } }
    }
}

/// Fingerprint of the sales, prices and support of a panel, whatever the order of its items.
pub fn fingerprint(panel: &Panel) -> ContentHash {
    let c = panel.columns();
    let mut series = BTreeMap::new();
    for sku in 0..panel.skus().len() {
        for rows in panel.series_of(sku) {
            let mut hasher = Hasher::default();
            for row in rows.clone() {
                let figures = [c.units[row], c.price[row], c.base_price[row], c.feature[row], c.display[row]];
                hasher.add(c.period[row].0.to_le_bytes());
                figures.iter().chain([&c.stockout_share[row]]).for_each(|figure| {
                    hasher.add(figure.to_bits().to_le_bytes());
                });
            }
            let place = &panel.places()[c.place[rows.start] as usize].place;
            series.insert((&panel.skus()[sku].sku, place), hasher.finish());
        }
    }
    let mut all = Hasher::default();
    for ((sku, place), hash) in series {
        all.add(sku.as_str()).add(place.as_str()).add(hash.as_str());
    }
    all.finish()
}

/// What the registry keeps of a model that was just fitted.
pub fn registered(
    model: ContentHash,
    fitted: &Fitted,
    panel: &Panel,
    (made_by, parent): (&str, Option<ContentHash>),
    backtest: Option<&Backtest>,
) -> Registered {
    let lift = &fitted.lift;
    Registered {
        model,
        made_by: made_by.to_owned(),
        snapshot: lift.snapshot.clone(),
        data: fingerprint(&panel.within(lift.span)),
        as_of: lift.as_of,
        calendar: lift.calendar,
        span: lift.span,
        code_version: lift.code_version.clone(),
        seed: lift.seed,
        parent,
        metrics: metrics(fitted, backtest),
        unsound: unsound(lift),
    }
}

/// Figures of a model: items, held-out errors by set of cells, and backtest errors of our forecast.
fn metrics(fitted: &Fitted, backtest: Option<&Backtest>) -> BTreeMap<String, f64> {
    let mut metrics = BTreeMap::from([("items".to_owned(), fitted.lift.responses.len() as f64)]);
    let name = |of: &str| -> String {
        of.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '_' }).collect()
    };
    for set in fitted.held_out.iter().flat_map(|held_out| &held_out.sets) {
        for (figure, value) in [("wape", set.wape), ("bias", set.bias), ("coverage90", set.coverage90)] {
            metrics.insert(format!("held_out.{}.{figure}", name(&set.cells)), value);
        }
    }
    for score in backtest.iter().flat_map(|backtest| &backtest.scores).filter(|score| score.forecast == "endcap") {
        let figures = [("wape", Some(score.wape)), ("bias", Some(score.bias)), ("coverage90", score.coverage90)];
        for (figure, value) in figures.into_iter().filter_map(|(figure, value)| Some((figure, value?))) {
            metrics.insert(format!("backtest.{}.{figure}", name(&score.cells)), value);
        }
    }
    metrics.retain(|_, value| value.is_finite());
    metrics
}

/// Sets new facts beside what the champion expects of them, and says whether to fit again.
pub fn watched(
    snapshot: &SnapshotId,
    champion: &Fitted,
    models: &Registry,
    panel: &Panel,
    rules: RefitRules,
) -> Option<Watched> {
    let entry = models.champion()?;
    let span = endcap_demand::newest(champion, panel, None);
    let mut found = Watched {
        snapshot: snapshot.clone(),
        champion: entry.made.model.clone(),
        periods: span.map_or(0, Span::len),
        verdict: Drift::Steady.name().to_owned(),
        shift: None,
        money: None,
        inputs: vec![],
        refit: None,
        told: "nothing was sold since the champion was fitted".to_owned(),
    };
    let newest = models.newest()?;
    let corrected = fingerprint(&panel.within(newest.made.span)) != newest.made.data;
    if let Some(span) = span {
        compare(&mut found, champion, panel, span);
    }
    if corrected {
        found.refit = Some(RefitCause::Corrected);
    } else if found.refit.is_none() && is_due(models, panel, rules) {
        found.refit = Some(RefitCause::Schedule);
    }
    // One challenger at a time: it is asked first whether what it learnt is enough.
    if models.challenger().is_some() && found.refit != Some(RefitCause::Corrected) {
        found.refit = None;
    }
    // What was fitted to these very periods would only be fitted again.
    if !corrected && Some(newest.made.span.end) == panel.span().map(|span| span.end) {
        found.refit = None;
    }
    Some(found)
}

/// Fills in what the sales since say of the champion.
fn compare(found: &mut Watched, champion: &Fitted, panel: &Panel, span: Span) {
    let then = input_distributions(&panel.within(champion.lift.span));
    let watch = match watch(champion, &then, panel, span) {
        Ok(watch) => watch,
        Err(error) => {
            found.told = format!("the champion cannot forecast the new facts: {error}");
            found.refit = Some(RefitCause::Error);
            return;
        }
    };
    found.verdict = watch.verdict.name().to_owned();
    found.told = watch.advice.replace(". Run `endcap fit`", "").replace(". Look again next period", "");
    let ends = |of: &Measured| [of.value, of.lo95, of.hi95].map(|value| value.is_finite().then_some(value));
    if let Some(all) = watch.errors.iter().find(|errors| errors.cells == "all") {
        // Prices that are shares of the list price tell no money.
        let priced = panel.columns().base_price.iter().any(|price| *price != 1.0);
        (found.shift, found.money) = (Some(ends(&all.found.shift)), priced.then(|| ends(&all.found.money)));
    }
    let moved = watch.inputs.iter().filter(|input| input.drift == Drift::Drifted);
    found.inputs = moved.map(|input| input.name.clone()).collect();
    if watch.regime.is_some_and(|regime| regime.outside) {
        found.refit = Some(RefitCause::Regime);
    } else if watch.verdict == Drift::Drifted {
        found.refit = Some(RefitCause::Error);
    }
}

fn is_due(models: &Registry, panel: &Panel, rules: RefitRules) -> bool {
    let ends = models.newest().map(|newest| newest.made.span.end).zip(panel.span().map(|span| span.end));
    ends.is_some_and(|(start, end)| Span { start, end }.len() >= rules.every)
}

/// Sets a challenger beside the champion on sales that neither was fitted to, and rules. What cannot be compared is refused
/// with its reason: a challenger that does not load, does not forecast or breaks never touches what the loop uses.
pub fn contested(
    snapshot: &SnapshotId,
    champion: Option<(&ContentHash, &Fitted)>,
    challenger: (&ContentHash, Result<&Fitted, String>),
    panel: &Panel,
    rules: &Rules,
) -> (Contested, Option<Contest>) {
    let mut evidence = Evidence { has_champion: champion.is_some(), ..Evidence::default() };
    let mut found = None;
    match &challenger.1 {
        Err(reason) => evidence.broken = Some(reason.clone()),
        Ok(fitted) => {
            evidence.unsound = unsound(&fitted.lift);
            if let Some((_, champion)) = champion {
                evidence.stale = stale(champion, fitted);
                match beside([champion, fitted], panel) {
                    Ok(compared) => found = compared,
                    Err(reason) => evidence.broken = Some(reason),
                }
            }
        }
    }
    if let Some(contest) = &found {
        let gains = |cells: &str| contest.set(cells).map(|set| set.gains()).unwrap_or_default();
        (evidence.all, evidence.promoted) = (gains("all"), gains("promoted"));
        evidence.bias = contest.set("all").map(|set| set.bias());
    }
    let Ruled { ruling, reasons, all, promoted } = rule(&evidence, rules);
    let contested = Contested {
        challenger: challenger.0.clone(),
        champion: champion.map(|(name, _)| name.clone()),
        snapshot: snapshot.clone(),
        ruling,
        reasons,
        all,
        promoted,
        bias: evidence.bias.filter(|bias| bias.iter().all(|value| value.is_finite())),
        contest: None,
    };
    (contested, found)
}

/// The gain on a set of cells as it stood after each block, with the interval that was known then.
pub fn gains_by_look(set: &ContestSet) -> Vec<Gain> {
    let (gains, rules) = (set.gains(), Rules::default());
    (1..=gains.len()).filter_map(|looks| gain(&gains[..looks], &rules)).collect()
}

/// Compares; a comparison that breaks is a reason, not an end of the loop.
fn beside(models: [&Fitted; 2], panel: &Panel) -> Result<Option<Contest>, String> {
    let Some(span) = unseen([&models[0].lift, &models[1].lift], panel) else { return Ok(None) };
    match catch_unwind(AssertUnwindSafe(|| contest(models, panel, span))) {
        Ok(compared) => compared.map(Some).map_err(|error| format!("it cannot forecast the new sales: {error}")),
        Err(_) => Err("the comparison with it broke: the messages above say where".to_owned()),
    }
}

fn stale(champion: &Fitted, challenger: &Fitted) -> Option<String> {
    let (own, other) = (challenger.lift.span.end, champion.lift.span.end);
    let name = |end: endcap_model::Period| champion.lift.calendar.format(end.plus(-1));
    (own < other)
        .then(|| format!("it is stale: it knows sales until {}, the champion until {}", name(own), name(other)))
}
