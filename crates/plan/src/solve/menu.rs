//! A choice of one candidate per group under limits: what is left of the problem once every unit's calendar is one of a
//! few. Searched by `select` for better choices and by `settle` for proof.

/// Groups of candidates. Candidate numbers run through all groups.
#[derive(Clone, Debug, Default)]
pub struct Menu {
    /// Start of each group's candidates, `groups + 1`.
    pub starts: Vec<u32>,
    /// What each candidate earns.
    pub values: Vec<i64>,
    /// What each candidate falls short of its group's best once it has paid the prices: 0 or more. The least of a group
    /// need not be 0.
    pub losses: Vec<f64>,
    /// Start of each candidate's uses, `candidates + 1`.
    pub use_starts: Vec<u32>,
    /// Limits and amounts that each candidate uses, by limit; amounts above 0.
    pub uses: Vec<(u32, i64)>,
    /// Bits of the periods in which a candidate is on, `words` per candidate; empty without pairs.
    pub on: Vec<u64>,
    /// Words of [`Menu::on`] per candidate.
    pub words: usize,
    /// Groups that lose when on in the same period, each two once, the lower first: lost per common period (below 0:
    /// gained).
    pub pairs: Vec<(u32, u32, i64)>,
    /// What the groups must use in all, at least, of each limit.
    pub least: Vec<i64>,
    /// What the groups may use in all, at most, of each limit.
    pub most: Vec<i64>,
    /// Price of one more unit of each limit; below 0 where the least use binds.
    pub prices: Vec<f64>,
}

impl Menu {
    /// Returns the number of groups.
    pub fn groups(&self) -> usize {
        self.starts.len() - 1
    }

    /// Returns the candidates of a group.
    pub fn candidates(&self, group: usize) -> std::ops::Range<usize> {
        self.starts[group] as usize..self.starts[group + 1] as usize
    }

    /// Returns what a candidate uses.
    pub fn uses_of(&self, candidate: usize) -> &[(u32, i64)] {
        &self.uses[self.use_starts[candidate] as usize..self.use_starts[candidate + 1] as usize]
    }

    /// Returns the candidate with the least loss of each group.
    pub fn least_losses(&self) -> Vec<u32> {
        let least = |group: usize| {
            let candidates = self.candidates(group);
            candidates
                .min_by(|&a, &b| self.losses[a].total_cmp(&self.losses[b]))
                .map_or(0, |candidate| candidate as u32)
        };
        (0..self.groups()).map(least).collect()
    }

    /// Rounds what must and may be used of each limit to what the candidates can come to: multiples of what divides all
    /// their uses.
    pub fn tighten(&mut self) {
        let mut common = vec![0i64; self.most.len()];
        for &(limit, amount) in &self.uses {
            common[limit as usize] = divisor(common[limit as usize], amount);
        }
        for (limit, &common) in common.iter().enumerate().filter(|(_, common)| **common > 1) {
            self.most[limit] -= self.most[limit].rem_euclid(common);
            self.least[limit] += (-self.least[limit]).rem_euclid(common);
        }
    }

    /// Returns what a choice earns, pairs paid.
    pub fn value(&self, choice: &[u32]) -> i64 {
        let on = |candidate: u32| &self.on[candidate as usize * self.words..(candidate as usize + 1) * self.words];
        let lost = |&(first, second, penalty): &(u32, u32, i64)| {
            let both = on(choice[first as usize]).iter().zip(on(choice[second as usize]));
            penalty * both.map(|(one, other)| i64::from((one & other).count_ones())).sum::<i64>()
        };
        let earned: i64 = choice.iter().map(|&candidate| self.values[candidate as usize]).sum();
        earned - self.pairs.iter().map(lost).sum::<i64>()
    }
}

/// Greatest common divisor.
fn divisor(one: i64, other: i64) -> i64 {
    if other == 0 { one } else { divisor(other, one % other) }
}
