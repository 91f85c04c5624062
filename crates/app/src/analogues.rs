//! Past promotions of a project, laid out for the search of analogues; worked out once for the same input.

use crate::project::CODE_VERSION;
use endcap_adapters::analogues::{path, read, write};
use endcap_agent::analogues::past_cases;
use endcap_agent::ground::Ground;
use endcap_demand::Analysis;
use endcap_demand::analogues::Analogues;
use endcap_model::{ContentHash, Hasher, hash_json};
use std::borrow::Borrow;
use std::path::Path;

/// The past promotions of a project; its past is only analysed where that was not done for the same input.
pub fn of_project<A: Borrow<Analysis>>(
    folder: &Path,
    ground: &Ground,
    analysis: impl FnOnce() -> A,
) -> anyhow::Result<Analogues> {
    let path = path(folder, &input(ground));
    let cases = match read(&path)? {
        Some(cases) => cases,
        None => {
            let cases = past_cases(ground, analysis().borrow());
            write(&path, &cases)?;
            cases
        }
    };
    Ok(Analogues::of(cases))
}

/// What cases come from: facts, model, prices and this program.
fn input(ground: &Ground) -> ContentHash {
    let scenario = hash_json(&ground.scenario);
    let mut hasher = Hasher::default();
    for part in ["analogues", ground.snapshot.as_str(), ground.model.as_str(), scenario.as_str(), CODE_VERSION] {
        hasher.add(part);
    }
    hasher.finish()
}
