//! Goes through the retailer's crisis with the seeds it is given (1 to 5 when none is) and prints a line of JSON each.

#[path = "../tests/crisis/parts.rs"]
mod parts;
#[path = "../tests/crisis/world.rs"]
mod world;

fn main() {
    let given: Vec<u64> = std::env::args().skip(1).filter_map(|seed| seed.parse().ok()).collect();
    for seed in if given.is_empty() { (1..=5).collect() } else { given } {
        let found = serde_json::to_string(&parts::parts(seed)).expect("Invariant: figures and flags make JSON");
        println!("{found}");
    }
}
