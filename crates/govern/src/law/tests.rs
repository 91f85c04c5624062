//! The price law by examples, and against a naive oracle over random histories.

use super::*;
use jiff::civil::date;

fn zone() -> TimeZone {
    TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap()
}

/// Noon of a day of March 2025 in central Europe; day 30 is the one on which summer time begins.
fn noon(day: i64) -> Timestamp {
    date(2025, 3, 1).at(12, 0, 0, 0).to_zoned(zone()).unwrap().timestamp()
        + jiff::SignedDuration::from_hours(24 * (day - 1))
}

fn market(name: &str, history: &[(i64, Offered)]) -> Market {
    let history: Vec<_> = history.iter().map(|(day, offered)| (noon(*day), *offered)).collect();
    Market {
        rules: MarketRules { unit_price: None, ..shipped_markets()[name].clone() },
        zone: zone(),
        history: history.into(),
        goods: Goods { on_sale_since: Some(noon(-400)), minimum_advertised: Some(0), ..Goods::default() },
    }
}

fn reduced(reference: Option<i64>, percent: Option<u32>) -> Shown {
    let percent = percent.map(|percent| Share::of_basis_points(percent * 100));
    Shown { reduction: Some(Reduction { reference, percent, series_from: None }), ..Shown::default() }
}

fn broken(price: i64, day: i64, shown: &Shown, market: &Market) -> Vec<&'static str> {
    let currency = market.rules.currency;
    let tag = Tag { price, currency, from: noon(day), uses_personal_data: false, shown };
    breaches(&tag, market).into_iter().map(|broken| broken.rule).collect()
}

const ALDI: [(i64, Offered); 3] = [(-60, Offered::At(169)), (0, Offered::At(129)), (5, Offered::At(169))];

#[test]
fn a_reduction_from_169_to_129_is_none_where_129_was_asked_in_the_days_before() {
    // CJEU C-330/23: pineapples at 1.29 "-23 %" against the last price of 1.69, with 1.29 as the lowest of 30 days.
    let market = market("DE", &ALDI);
    assert_eq!(broken(129, 20, &reduced(Some(169), Some(23)), &market), ["prior price", "prior price", "percentage"]);
    assert_eq!(broken(129, 20, &reduced(Some(129), None), &market), ["prior price"]);
    assert_eq!(broken(119, 20, &reduced(Some(129), Some(7)), &market), [""; 0]);
    assert_eq!(broken(119, 20, &reduced(Some(129), Some(8)), &market), ["percentage"]);
    // On day 36 the low price lies out of the 30 days.
    assert_eq!(broken(129, 36, &reduced(Some(169), Some(23)), &market), [""; 0]);
    assert_eq!(broken(129, 35, &reduced(Some(169), Some(23)), &market).len(), 3);
}

#[test]
fn the_thirty_days_begin_at_local_midnight_across_summer_time() {
    let low = date(2025, 3, 10).at(0, 0, 0, 0).to_zoned(zone()).unwrap().timestamp();
    let second = jiff::SignedDuration::from_secs(1);
    for (end, expected) in [(low, vec![]), (low + second, vec!["prior price"])] {
        let mut market = market("DE", &[(-60, Offered::At(100))]);
        market.history.confirm(end, Offered::At(200));
        // On sale for exactly the thirty days: not new any more.
        market.goods.on_sale_since = Some(low);
        // 9 April is 30 days after 10 March; summer time began on 30 March.
        assert_eq!(broken(99, 40, &reduced(Some(200), None), &market), expected);
    }
}

#[test]
fn an_announced_reduction_needs_the_prior_price_beside_it() {
    let market = market("DE", &[(-60, Offered::At(200))]);
    assert_eq!(broken(150, 20, &reduced(None, None), &market), ["prior price"]);
    assert_eq!(broken(150, 20, &reduced(None, Some(25)), &market), ["prior price"]);
    assert_eq!(broken(150, 20, &reduced(Some(200), Some(25)), &market), [""; 0]);
    assert_eq!(broken(150, 20, &Shown::default(), &market), [""; 0], "a low price that is not announced needs none");
}

#[test]
fn what_is_not_known_of_the_days_before_refuses() {
    for history in [
        &[][..],
        &[(10, Offered::At(200))],
        &[(-60, Offered::At(200)), (9, Offered::Unknown), (10, Offered::At(200))],
        &[(-60, Offered::NotSold)],
    ] {
        assert_eq!(broken(150, 20, &reduced(Some(200), None), &market("DE", history)), ["prior price"], "{history:?}");
    }
    let mut unknown = market("DE", &[(-60, Offered::At(200))]);
    unknown.goods.on_sale_since = None;
    assert_eq!(broken(150, 20, &reduced(Some(200), None), &unknown), ["prior price"]);
    let pause = [(-60, Offered::At(200)), (9, Offered::NotSold), (10, Offered::At(210))];
    assert_eq!(broken(150, 20, &reduced(Some(200), None), &market("DE", &pause)), [""; 0]);
}

#[test]
fn a_series_of_deeper_reductions_keeps_its_first_prior_price_where_the_state_allows_it() {
    let history = [(-60, Offered::At(200)), (10, Offered::At(180)), (12, Offered::At(160))];
    let series = |from| {
        let mut shown = reduced(Some(200), Some(30));
        shown.reduction.as_mut().unwrap().series_from = Some(noon(from));
        shown
    };
    assert_eq!(broken(140, 15, &series(10), &market("DE", &history)), [""; 0]);
    assert_eq!(broken(140, 15, &series(10), &market("EU", &history)), ["prior price"]);
    assert_eq!(broken(140, 15, &series(15), &market("EU", &history)), ["prior price", "percentage"]);
    assert_eq!(broken(140, 15, &series(12), &market("DE", &history)), ["prior price", "percentage"]);
    let up = [(-60, Offered::At(200)), (10, Offered::At(150)), (12, Offered::At(160))];
    assert_eq!(broken(140, 15, &series(10), &market("DE", &up)), ["prior price"]);
    assert_eq!(broken(170, 15, &series(10), &market("DE", &history)), ["prior price"]);
    let gap = [(-60, Offered::At(200)), (10, Offered::At(180)), (12, Offered::NotSold), (13, Offered::At(180))];
    assert_eq!(broken(140, 15, &series(10), &market("DE", &gap)), ["prior price"]);
    let blind = [(-60, Offered::At(200)), (10, Offered::At(180)), (12, Offered::Unknown), (13, Offered::At(180))];
    assert_eq!(broken(140, 15, &series(10), &market("DE", &blind)), ["prior price"]);
}

#[test]
fn perishables_and_new_goods_follow_the_options_of_the_state() {
    let mut fresh = market("DE", &[(15, Offered::At(200))]);
    fresh.goods = Goods { perishable: true, on_sale_since: Some(noon(15)), ..fresh.goods };
    assert_eq!(broken(150, 20, &reduced(None, None), &fresh), [""; 0]);
    assert_eq!(
        broken(150, 20, &reduced(None, Some(25)), &fresh),
        ["prior price"],
        "who tells a percentage tells from what"
    );
    assert_eq!(broken(150, 20, &reduced(Some(200), None), &fresh), ["prior price"]);
    fresh.rules = MarketRules { unit_price: None, ..shipped_markets()["EU"].clone() };
    assert_eq!(broken(150, 20, &reduced(None, None), &fresh), ["prior price"]);

    let ReferenceRule::Prior(rule) = &mut fresh.rules.reference else { unreachable!() };
    rule.new_goods_days_min = Some(5);
    assert_eq!(broken(150, 20, &reduced(Some(200), None), &fresh), [""; 0]);
    fresh.goods.on_sale_since = Some(noon(15) + jiff::SignedDuration::from_secs(1));
    assert_eq!(broken(150, 20, &reduced(Some(200), None), &fresh), ["prior price"]);
}

#[test]
fn a_former_price_was_openly_offered_for_long_enough() {
    let shown = |reference, percent| reduced(Some(reference), percent);
    let us = market("US", &[(-60, Offered::At(150)), (0, Offered::At(200)), (28, Offered::At(180))]);
    assert_eq!(broken(150, 60, &shown(200, Some(25)), &us), [""; 0]);
    assert_eq!(broken(150, 60, &shown(200, Some(26)), &us), ["percentage"]);
    assert_eq!(broken(200, 60, &shown(200, None), &us), ["former price"]);
    assert_eq!(broken(150, 60, &shown(201, None), &us), ["former price"]);
    assert_eq!(broken(150, 60, &shown(180, None), &us), [""; 0], "days at 200 count for 180 as well");
    assert_eq!(broken(150, 60, &reduced(None, Some(10)), &us), ["former price"]);
    let short = market("US", &[(-60, Offered::At(150)), (1, Offered::At(200)), (28, Offered::At(180))]);
    assert_eq!(broken(150, 60, &shown(200, None), &short), ["former price"]);
    let blind = market("US", &[(0, Offered::At(200)), (20, Offered::Unknown), (28, Offered::At(180))]);
    assert_eq!(broken(150, 60, &shown(200, None), &blind), ["former price"]);
    assert_eq!(broken(150, 120, &shown(200, None), &us), ["former price"], "long ago is not recent");
}

#[test]
fn minimum_advertised_prices_bind_advertising_in_the_united_states_only() {
    let advertised = Shown { advertised: true, ..Shown::default() };
    for (name, least, shown, expected) in [
        ("US", Some(150), &advertised, vec![]),
        ("US", Some(151), &advertised, vec!["minimum advertised price"]),
        ("US", None, &advertised, vec!["minimum advertised price"]),
        ("US", Some(151), &Shown::default(), vec![]),
        ("DE", Some(151), &advertised, vec![]),
        ("DE", None, &advertised, vec![]),
    ] {
        let mut market = market(name, &[]);
        market.goods.minimum_advertised = least;
        assert_eq!(broken(150, 1, shown, &market), expected, "{name} {least:?}");
    }
}

#[test]
fn unit_prices_are_rounded_half_up_as_the_market_does() {
    let markets = shipped_markets();
    let told = |name: &str, price, amount, measure| {
        unit_price(price, Content { amount, measure }, markets[name].unit_price.as_ref().unwrap())
    };
    assert_eq!(told("DE", 199, 500, Measure::Gram), Some(3980));
    assert_eq!(told("DE", 100, 333, Measure::Gram), Some(3000));
    assert_eq!(told("DE", 1, 2000, Measure::Gram), Some(10), "half a cent goes up");
    assert_eq!(told("DE", 1, 2001, Measure::Gram), Some(0));
    assert_eq!(told("DE", 199, 6, Measure::Piece), None);
    assert_eq!(told("US-NY", 199, 12, Measure::Ounce), Some(2650));
    assert_eq!(told("US-NY", 59, 16, Measure::Ounce), Some(590));
    assert_eq!(told("US-NY", 59, 12, Measure::Ounce), Some(787), "tenths of a cent below a dollar");
    assert_eq!(told("US-NY", 100, 16, Measure::Ounce), Some(1000));
    assert_eq!(told("US-NY", 1599, 256, Measure::Ounce), Some(999));
}

#[test]
fn a_unit_price_that_is_missing_wrong_or_cannot_be_told_is_refused() {
    let mut milk = market("DE", &[]);
    milk.rules = shipped_markets()["DE"].clone();
    let shows = |tenths| Shown { unit_price_tenths: tenths, ..Shown::default() };
    milk.goods.content = Some(Content { amount: 500, measure: Measure::Gram });
    for (tenths, expected) in [(Some(3000), vec![]), (Some(3001), vec!["unit price"]), (None, vec!["unit price"])] {
        assert_eq!(broken(150, 1, &shows(tenths), &milk), expected);
    }
    for content in [None, Some(Content { amount: 0, measure: Measure::Gram })] {
        milk.goods.content = content;
        assert_eq!(broken(150, 1, &shows(Some(3000)), &milk), ["unit price"]);
    }
    milk.goods.content = Some(Content { amount: 6, measure: Measure::Piece });
    assert_eq!(broken(150, 1, &shows(None), &milk), [""; 0]);
}

#[test]
fn a_price_that_personal_data_shaped_says_so_in_new_york() {
    let mut market = market("US-NY", &[]);
    let text = market.rules.personal_price_notice.clone().unwrap();
    let personal = |notice: Option<&str>, market: &Market| {
        let shown = Shown { notice: notice.map(str::to_owned), ..Shown::default() };
        let tag = Tag { price: 150, currency: Currency::USD, from: noon(1), uses_personal_data: true, shown: &shown };
        breaches(&tag, market).into_iter().map(|broken| broken.rule).collect::<Vec<_>>()
    };
    assert_eq!(personal(Some(&text), &market), [""; 0]);
    assert_eq!(personal(Some("personal price"), &market), ["personal price notice"]);
    assert_eq!(personal(None, &market), ["personal price notice"]);
    assert_eq!(broken(150, 1, &Shown::default(), &market), [""; 0]);
    market.rules.currency = Currency::EUR;
    assert_eq!(personal(Some(&text), &market), ["price law"]);
}

/// Deterministic numbers for the histories (splitmix64, Steele et al. 2014).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, most: i64) -> i64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) % most as u64) as i64
    }

    fn maybe(&mut self, value: i64) -> Option<i64> {
        (self.below(3) > 0).then_some(value)
    }
}

/// Hours from 1 January 2025, 00:00 UTC; hour 2113 is 30 March, 01:00 UTC, where summer time begins.
fn hour(hours: i64) -> Timestamp {
    Timestamp::from_second(1_735_689_600 + hours * 3600).unwrap()
}

fn local_day(hour: i64) -> i64 {
    (hour + if hour >= 2113 { 2 } else { 1 }) / 24
}

/// What is asked about one history, in whole hours.
#[derive(Debug)]
struct Question {
    changes: Vec<(i64, Offered)>,
    price: i64,
    from: i64,
    reference: Option<i64>,
    percent: Option<i64>,
    series: Option<i64>,
    rules: MarketRules,
    goods: Goods,
    since: Option<i64>,
    announced: bool,
    advertised: bool,
    personal: bool,
    notice: bool,
    unit: Option<i64>,
}

/// Says hour by hour which rules are broken, in the plainest way.
fn oracle(q: &Question) -> Vec<&'static str> {
    let mut offered = vec![Offered::Unknown; 4000];
    q.changes.iter().for_each(|(at, what)| offered[*at as usize..].fill(*what));
    let price_at = |h: i64| if let Offered::At(price) = offered[h as usize] { Some(price) } else { None };
    let too_much = |percent: i64, from: i64| (from as f64) * (1.0 - percent as f64 / 100.0) < q.price as f64 - 1e-9;
    let mut wrong = vec![];
    match (&q.reference_rule(), q.announced) {
        (_, false) => {}
        (ReferenceRule::Former(rule), _) => {
            let first = local_day(q.from) - i64::from(rule.within_days);
            let hours = (0..q.from).filter(|h| local_day(*h) >= first);
            let long = hours.filter(|h| price_at(*h).is_some_and(|p| q.reference.is_some_and(|r| p >= r))).count();
            let low = q.reference.is_some_and(|r| q.price < r);
            if !low || long < rule.days_min as usize * 24 {
                wrong.push("former price")
            }
            if q.reference.is_some_and(|r| q.percent.is_some_and(|p| too_much(p, r))) {
                wrong.push("percentage")
            }
        }
        (ReferenceRule::Prior(rule), _) => {
            let quiet = q.reference.is_none() && q.percent.is_none();
            if rule.perishables_exempt && q.goods.perishable && quiet {
                return rest(q, wrong);
            }
            let series = q.series.filter(|s| *s < q.from);
            let start = series.unwrap_or(q.from);
            let steps: Vec<i64> = (start..q.from).map(|h| price_at(h).unwrap_or(i64::MAX)).chain([q.price]).collect();
            let falls = steps.windows(2).all(|pair| pair[1] <= pair[0]) && (series.is_none() || steps[0] < i64::MAX);
            let first = local_day(start) - i64::from(rule.days);
            let new =
                q.since.is_some_and(|since| since >= 0 && local_day(since) >= first && !is_midnight(since, first));
            let old_enough =
                !new || rule.new_goods_days_min.is_some_and(|d| start - q.since.unwrap() >= 24 * i64::from(d));
            let window = (0..start).filter(|h| local_day(*h) >= first && (!new || *h >= q.since.unwrap()));
            let known = (new || first > 0) && window.clone().all(|h| offered[h as usize] != Offered::Unknown);
            let lowest =
                window.filter_map(price_at).min().filter(|_| known && falls && old_enough && q.since.is_some());
            let Some(lowest) = lowest.filter(|_| series.is_none() || rule.series_allowed) else {
                wrong.push("prior price");
                return rest(q, wrong);
            };
            if q.reference != Some(lowest) || q.price >= lowest {
                wrong.push("prior price")
            }
            if q.percent.is_some_and(|p| too_much(p, lowest)) {
                wrong.push("percentage")
            }
        }
    }
    rest(q, wrong)
}

fn is_midnight(hour: i64, day: i64) -> bool {
    local_day(hour) == day && local_day(hour - 1) < day
}

/// What the oracle says of unit price, minimum advertised price and notice.
fn rest(q: &Question, mut wrong: Vec<&'static str>) -> Vec<&'static str> {
    if let (Some(rule), Some(content)) = (&q.rules.unit_price, q.goods.content) {
        let exact = q.price as f64 * rule.per[&content.measure] as f64 / content.amount as f64;
        let steps = if exact < rule.tenths_below as f64 { 10.0 } else { 1.0 };
        let told = ((exact * steps + 0.5 + 1e-9).floor() * 10.0 / steps).round() as i64;
        if q.unit != Some(told) {
            wrong.push("unit price")
        }
    }
    let least = q.goods.minimum_advertised;
    if q.rules.minimum_advertised && q.advertised && least.is_none_or(|least| q.price < least) {
        wrong.push("minimum advertised price");
    }
    if q.personal && q.rules.personal_price_notice.is_some() && !q.notice {
        wrong.push("personal price notice")
    }
    wrong
}

impl Question {
    fn reference_rule(&self) -> &ReferenceRule {
        &self.rules.reference
    }

    /// Makes one up: mostly near the limits of the law.
    fn random(n: &mut Numbers, markets: &[MarketRules]) -> Self {
        let mut rules = markets[n.below(markets.len() as i64) as usize].clone();
        if let ReferenceRule::Prior(rule) = &mut rules.reference {
            (rule.perishables_exempt, rule.series_allowed) = (n.below(2) == 0, n.below(2) == 0);
            rule.new_goods_days_min = n.maybe(10).map(|days| days as u32);
        }
        let from = 2200 + n.below(1500);
        let mut changes: Vec<(i64, Offered)> = (0..1 + n.below(8)).map(|_| (n.below(from + 48), offer(n))).collect();
        changes.push((n.below(4) * 400, offer(n)));
        changes.sort_by_key(|(at, _)| *at);
        let price = 100 + 5 * n.below(8);
        let past: Vec<i64> =
            changes.iter().filter_map(|(_, o)| if let Offered::At(p) = o { Some(*p) } else { None }).collect();
        let a_past_one = past.get(n.below(past.len().max(1) as i64) as usize).copied().unwrap_or(150);
        let step = changes[n.below(changes.len() as i64) as usize].0;
        let measure = [Measure::Gram, Measure::Ounce][usize::from(rules.currency == Currency::USD)];
        let content = Content { amount: 1 + n.below(40), measure };
        let right = rules.unit_price.as_ref().and_then(|rule| unit_price(price, content, rule));
        let since = n.below(20).min(1) * (if n.below(3) == 0 { from - n.below(1500) } else { -1000 });
        let since = (n.below(20) > 0).then_some(since);
        let (least, percent) = (price - 1 + n.below(3), n.below(40));
        let (least, percent) = (n.maybe(least), n.maybe(percent));
        let goods = Goods {
            perishable: n.below(3) == 0,
            on_sale_since: since.map(hour),
            content: Some(content),
            minimum_advertised: least,
        };
        Self {
            price,
            from,
            since,
            goods,
            rules,
            changes,
            reference: n.maybe(a_past_one),
            percent,
            series: (n.below(3) == 0).then_some(step),
            announced: n.below(8) > 0,
            advertised: n.below(2) == 0,
            personal: n.below(2) == 0,
            notice: n.below(2) == 0,
            unit: right.map(|right| right + n.below(8) / 7),
        }
    }

    fn answered(&self) -> Vec<&'static str> {
        let changes: Vec<_> = self.changes.iter().map(|(at, offered)| (hour(*at), *offered)).collect();
        let market = Market { rules: self.rules.clone(), zone: zone(), history: changes.into(), goods: self.goods };
        let reduction = Reduction {
            reference: self.reference,
            percent: self.percent.map(|percent| Share::of_basis_points(percent as u32 * 100)),
            series_from: self.series.map(hour),
        };
        let shown = Shown {
            reduction: self.announced.then_some(reduction),
            unit_price_tenths: self.unit,
            notice: self.notice.then(|| self.rules.personal_price_notice.clone()).flatten(),
            advertised: self.advertised,
        };
        let (currency, from) = (self.rules.currency, hour(self.from));
        let tag = Tag { price: self.price, currency, from, uses_personal_data: self.personal, shown: &shown };
        let mut rules: Vec<_> = breaches(&tag, &market).into_iter().map(|broken| broken.rule).collect();
        rules.dedup();
        rules
    }
}

fn offer(n: &mut Numbers) -> Offered {
    match n.below(24) {
        0 => Offered::Unknown,
        1 | 2 => Offered::NotSold,
        _ => Offered::At(100 + 5 * n.below(16)),
    }
}

/// Compares law and oracle over random histories; tells how often the law refused.
fn compare(histories: usize, seed: u64) -> usize {
    let markets: Vec<MarketRules> = shipped_markets().into_values().collect();
    let mut numbers = Numbers(seed);
    let mut refused = 0;
    for history in 0..histories {
        let question = Question::random(&mut numbers, &markets);
        let (ours, naive) = (question.answered(), oracle(&question));
        assert_eq!(ours, naive, "history {history} of seed {seed}: {question:?}");
        refused += usize::from(!ours.is_empty());
    }
    refused
}

#[test]
fn the_law_says_what_a_naive_reading_hour_by_hour_says() {
    let refused = compare(20_000, 1);
    assert!((5_000..19_000).contains(&refused), "the histories test both sides: {refused} of 20,000 refused");
}

#[test]
#[ignore = "minutes: a million histories, run before a release"]
fn the_law_says_what_a_naive_reading_says_a_million_times() {
    compare(1_000_000, 2);
    eprintln!("measured: P1 | 1,000,000 random price histories | 0 differences");
}
