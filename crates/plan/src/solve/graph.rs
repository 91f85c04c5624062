//! Calendar rules of a unit as a small graph: a node per period and what the rules remember, an edge for "off" and one
//! for "on". Every path from the root to the end is a calendar that keeps the rules, and every such calendar is a path.
//!
//! Units with the same rules share a graph. Stretches in which nothing can be chosen are jumped over, so that spacing
//! alone costs one node per period.

use std::collections::{BTreeMap, HashMap};

/// No way on, while a graph is drawn.
const NO_WAY: u32 = u32::MAX;

/// Most nodes of one graph.
const MOST_NODES: usize = 1 << 17;

/// At most `most` columns in any `periods` consecutive periods.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Window {
    /// Consecutive periods.
    pub periods: usize,
    /// Most columns in them.
    pub most: usize,
}

/// When a unit may choose, whatever it chooses. A run is an unbroken stretch of periods with a column.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Rules {
    /// At most one column in this many consecutive periods; 1 for no rule.
    pub spacing: usize,
    /// At most so many columns in so many consecutive periods.
    pub windows: Vec<Window>,
    /// Shortest run; the end of the horizon may cut a run short. 1 for no rule.
    pub run: usize,
    /// Periods without a column after a run, at least; 0 for no rule.
    pub rest: usize,
    /// Periods in which a column must be chosen, rising.
    pub required: Vec<usize>,
    /// What was published before the horizon: 1 is the period just before it, 2 the one before that. Counts for all
    /// rules above.
    pub before: Vec<usize>,
}

impl Default for Rules {
    fn default() -> Self {
        Self { spacing: 1, windows: Vec::new(), run: 1, rest: 0, required: Vec::new(), before: Vec::new() }
    }
}

/// A period with what the rules remember.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Node {
    /// The period.
    pub period: u32,
    /// Node after no column here.
    pub off: u32,
    /// Node after a column here.
    pub on: u32,
}

/// All calendars of a set of rules. Nodes rise by period; after them come the end and the dead end, from which no
/// calendar can be completed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Graph {
    /// The nodes, by period.
    pub nodes: Vec<Node>,
    /// Where every calendar begins; the dead end when the rules leave none.
    pub root: u32,
    /// The rules.
    pub rules: Rules,
}

/// What the rules remember before a period.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Memory {
    /// Length of the run that the last period belongs to, up to the shortest run allowed; 0 when it was off.
    run: usize,
    /// Periods still to rest.
    rest: usize,
    /// Per window, how long ago its columns were, nearest first.
    ages: Vec<Vec<usize>>,
}

/// Per memory before a period, where "off" and "on" lead in the next layer.
type Layer = Vec<(Option<usize>, Option<usize>)>;

struct Draft<'a> {
    rules: &'a Rules,
    windows: Vec<Window>,
    periods: usize,
}

impl Graph {
    /// Draws the graph of the rules over so many periods; nothing when it would be too large.
    pub fn draw(rules: &Rules, periods: usize) -> Option<Self> {
        let mut windows: Vec<Window> = rules.windows.clone();
        if rules.spacing > 1 {
            windows.push(Window { periods: rules.spacing, most: 1 });
        }
        let longest = rules.before.iter().copied().max().unwrap_or(0);
        let horizon = periods + longest;
        windows.iter_mut().for_each(|window| window.periods = window.periods.min(horizon));
        windows.retain(|window| window.most < window.periods);
        let draft = Draft { rules, windows, periods };
        let layers = draft.layers()?;
        Some(draft.join(&layers))
    }

    /// The end of every calendar.
    pub fn end(&self) -> u32 {
        self.nodes.len() as u32
    }

    /// Returns whether a calendar that is on in exactly these rising periods keeps the rules.
    pub fn allows(&self, mut periods: impl Iterator<Item = usize>) -> bool {
        let mut next = periods.next();
        let mut at = self.root;
        while let Some(node) = self.nodes.get(at as usize) {
            at = match next {
                Some(period) if period == node.period as usize => {
                    next = periods.next();
                    node.on
                }
                _ => node.off,
            };
        }
        at == self.end() && next.is_none()
    }

    /// Returns the most columns of any calendar.
    pub fn longest(&self) -> usize {
        let mut most = vec![0; self.nodes.len() + 2];
        for (at, node) in self.nodes.iter().enumerate().rev() {
            most[at] = most[node.off as usize].max(most[node.on as usize] + 1);
        }
        most[self.root as usize]
    }

    /// Where no calendar can be completed.
    pub fn dead(&self) -> u32 {
        self.nodes.len() as u32 + 1
    }
}

impl Draft<'_> {
    fn begin(&self) -> Memory {
        let mut memory = Memory { run: 0, rest: 0, ages: vec![Vec::new(); self.windows.len()] };
        let longest = self.rules.before.iter().copied().max().unwrap_or(0);
        // The past happened, whether or not it kept the rules.
        for back in (1..=longest).rev() {
            memory = self.after(&memory, self.rules.before.contains(&back));
        }
        memory
    }

    fn after(&self, memory: &Memory, on: bool) -> Memory {
        let ages = self.windows.iter().zip(&memory.ages).map(|(window, ages)| {
            let now = on.then_some(1);
            let kept = ages.iter().map(|age| age + 1).filter(|&age| age < window.periods);
            now.into_iter().chain(kept).collect()
        });
        let run = if on { (memory.run + 1).min(self.rules.run) } else { 0 };
        let rest = match (on, memory.run > 0) {
            (true, _) => 0,
            (false, true) => self.rules.rest.saturating_sub(1),
            (false, false) => memory.rest.saturating_sub(1),
        };
        Memory { run, rest, ages: ages.collect() }
    }

    fn may_be_on(&self, memory: &Memory) -> bool {
        let room = self.windows.iter().zip(&memory.ages).all(|(window, ages)| ages.len() < window.most);
        room && (memory.run > 0 || memory.rest == 0)
    }

    fn may_be_off(&self, memory: &Memory, period: usize) -> bool {
        self.rules.required.binary_search(&period).is_err() && (memory.run == 0 || memory.run >= self.rules.run)
    }

    /// What can be remembered before each period, with the steps to the next.
    fn layers(&self) -> Option<Vec<Layer>> {
        let mut layer = vec![self.begin()];
        let mut layers = Vec::with_capacity(self.periods);
        let mut count = 0;
        for period in 0..self.periods {
            let mut next: BTreeMap<Memory, usize> = BTreeMap::new();
            let mut number = |memory: Memory| {
                let fresh = next.len();
                *next.entry(memory).or_insert(fresh)
            };
            let mut steps = Vec::with_capacity(layer.len());
            for memory in &layer {
                let off = self.may_be_off(memory, period).then(|| number(self.after(memory, false)));
                let on = self.may_be_on(memory).then(|| number(self.after(memory, true)));
                steps.push((off, on));
            }
            count += next.len();
            if count > MOST_NODES {
                return None;
            }
            layers.push(steps);
            let mut numbered: Vec<(usize, Memory)> = next.into_iter().map(|(memory, at)| (at, memory)).collect();
            numbered.sort_by_key(|(at, _)| *at);
            layer = numbered.into_iter().map(|(_, memory)| memory).collect();
        }
        Some(layers)
    }

    /// Joins the layers from the end: nodes without a choice are skipped, nodes with the same future are one.
    fn join(&self, layers: &[Layer]) -> Graph {
        const END: u32 = NO_WAY - 1;
        let mut nodes: Vec<Node> = Vec::new();
        let mut known: HashMap<Node, u32> = HashMap::new();
        let widest = layers.last().map_or(1, |steps| 2 * steps.len());
        let mut after = vec![END; widest.max(1)];
        for (period, steps) in layers.iter().enumerate().rev() {
            let to = |step: Option<usize>| step.map_or(NO_WAY, |at| after[at]);
            let here = steps.iter().map(|&(off, on)| match (to(off), to(on)) {
                (off, NO_WAY) => off,
                (off, on) => {
                    let node = Node { period: period as u32, off, on };
                    *known.entry(node).or_insert_with(|| {
                        nodes.push(node);
                        nodes.len() as u32 - 1
                    })
                }
            });
            after = here.collect();
        }
        let end = nodes.len() as u32;
        let turned = |at: u32| match at {
            NO_WAY => end + 1,
            END => end,
            at => end - 1 - at,
        };
        let nodes =
            nodes.iter().rev().map(|node| Node { period: node.period, off: turned(node.off), on: turned(node.on) });
        Graph { nodes: nodes.collect(), root: turned(after[0]), rules: self.rules.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every calendar of the graph as on/off.
    fn calendars(graph: &Graph, periods: usize) -> Vec<Vec<bool>> {
        let mut done = Vec::new();
        let mut open = vec![(graph.root, vec![false; periods])];
        while let Some((at, calendar)) = open.pop() {
            if at == graph.dead() {
                continue;
            }
            let Some(node) = graph.nodes.get(at as usize) else {
                done.push(calendar);
                continue;
            };
            open.push((node.off, calendar.clone()));
            let mut on = calendar;
            on[node.period as usize] = true;
            open.push((node.on, on));
        }
        done.sort();
        done
    }

    /// Whether a calendar keeps the rules, written from their words alone.
    fn keeps(rules: &Rules, calendar: &[bool]) -> bool {
        let past = rules.before.iter().copied().max().unwrap_or(0);
        let mut all: Vec<bool> = (1..=past).rev().map(|back| rules.before.contains(&back)).collect();
        all.extend(calendar);
        let most_in = |periods: usize, most: usize| {
            (past..all.len()).all(|end| {
                all[(end + 1).saturating_sub(periods)..=end].iter().filter(|&&on| on).count() <= most || !all[end]
            })
        };
        let mut runs: Vec<(usize, usize)> = Vec::new();
        for at in 0..all.len() {
            if all[at] && (at == 0 || !all[at - 1]) {
                runs.push((at, at));
            }
            if let Some(last) = runs.last_mut().filter(|_| all[at]) {
                last.1 = at + 1;
            }
        }
        let long = runs.iter().all(|&(from, to)| to - from >= rules.run || to == all.len() || to < past);
        let rested = runs.windows(2).all(|two| two[1].0 - two[0].1 >= rules.rest || two[1].0 < past);
        rules.required.iter().all(|&period| calendar[period])
            && most_in(rules.spacing, 1)
            && rules.windows.iter().all(|window| most_in(window.periods, window.most))
            && long
            && rested
    }

    #[test]
    fn the_paths_are_the_calendars_that_keep_the_rules() {
        let periods = 7;
        let window = |periods, most| Window { periods, most };
        let cases = [
            Rules::default(),
            Rules { spacing: 3, ..Rules::default() },
            Rules { spacing: 3, before: vec![1], ..Rules::default() },
            Rules { spacing: 20, before: vec![5], ..Rules::default() },
            Rules { windows: vec![window(4, 2), window(7, 3)], ..Rules::default() },
            Rules { windows: vec![window(5, 2)], before: vec![1, 3], ..Rules::default() },
            Rules { windows: vec![window(3, 0)], ..Rules::default() },
            Rules { run: 2, rest: 2, ..Rules::default() },
            Rules { run: 3, rest: 1, before: vec![1], ..Rules::default() },
            Rules { run: 2, windows: vec![window(4, 2)], required: vec![3], ..Rules::default() },
            Rules { spacing: 2, required: vec![1, 4], ..Rules::default() },
            Rules { spacing: 3, required: vec![1, 2], ..Rules::default() },
        ];
        for rules in cases {
            let graph = Graph::draw(&rules, periods).unwrap();
            let every = (0..1usize << periods).map(|bits| (0..periods).map(|t| bits >> t & 1 == 1).collect::<Vec<_>>());
            let mut expected: Vec<_> = every.filter(|calendar| keeps(&rules, calendar)).collect();
            expected.sort();
            assert_eq!(calendars(&graph, periods), expected, "{rules:?}");
        }
    }

    #[test]
    fn spacing_costs_one_node_per_period() {
        let graph = Graph::draw(&Rules { spacing: 4, ..Rules::default() }, 52).unwrap();
        assert_eq!((graph.nodes.len(), graph.root), (52, 0));
        assert!(graph.nodes.windows(2).all(|two| two[0].period <= two[1].period));
    }

    #[test]
    fn rules_that_remember_too_much_are_refused() {
        let rules = Rules { windows: vec![Window { periods: 60, most: 20 }], ..Rules::default() };
        assert!(Graph::draw(&Rules { before: vec![60], ..rules }, 120).is_none());
    }
}
