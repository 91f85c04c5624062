//! Two machines that go by different limits over one ledger: the one that was left behind decides and sends nothing.

use super::support::project::Project;
use super::{Counterpart, Faults, Shop, at, audit_holds, decided, gate, messages, promises, random, set};
use endcap_adapters::ledger::{FILE_NAME, Ledger, LedgerOutbox};
use endcap_agent::outbox::{Patience, Stage, decide};
use endcap_agent::ports::{Outbox, Outlet};
use endcap_agent::send::Sender;
use endcap_govern::audit::{Grounds, Told};
use endcap_govern::edition::{Edition, Standing};
use endcap_model::{Channel, hash_bytes};
use std::collections::BTreeMap;
use std::path::Path;

crate::on_both! {
    a_machine_that_was_left_behind_decides_and_sends_nothing,
}

fn edition(limits: &str) -> Edition {
    Edition { limits: hash_bytes(limits.as_bytes()), program: "1.0.0".to_owned() }
}

fn machine(folder: &Path, limits: &str) -> (LedgerOutbox, Standing) {
    let mut outbox = LedgerOutbox::open(folder, random).unwrap();
    let standing = outbox.go_by(edition(limits), at(0)).unwrap();
    (outbox, standing)
}

/// One round of a sender; how many messages left, or why none may.
fn round(outbox: &mut LedgerOutbox, folder: &Path) -> Result<usize, String> {
    let (gate, shop, now) = (gate(), Shop::open(), || at(30));
    let channel: Box<dyn Outlet> = Box::new(Counterpart::open(folder, promises(2), Faults::none()));
    let outlets = BTreeMap::from([(Channel::from("till"), channel)]);
    let ports = (outbox as &mut dyn Outbox, &shop as _);
    let mut sender = Sender::open(&gate, Patience::default(), outlets, ports, &now, &|_| {}).unwrap();
    sender.round().map(|round| round.sent).map_err(|why| why.to_string())
}

fn a_machine_that_was_left_behind_decides_and_sends_nothing(project: Project) {
    let folder = project.path();
    let (mut old, standing) = machine(folder, "old limits");
    assert_eq!(standing, Standing::New);
    decided(folder, promises(2), vec![("milk", set(210))], at(0));
    // Somebody changes the limits on another machine while the first goes on.
    let (mut new, standing) = machine(folder, "new limits");
    assert_eq!(standing, Standing::New);
    let refused = round(&mut old, folder).unwrap_err();
    assert!(refused.contains("were replaced") && refused.contains("endcap policy adopt"), "{refused}");
    let intents = vec![super::intent("beer", set(210), at(0))];
    let more = decide(intents, &|_| promises(2), at(0), "planner", &Grounds::default());
    assert!(old.decide(more, at(0)).unwrap_err().to_string().contains("were replaced"));
    assert!(Counterpart::effects(folder).is_empty(), "nothing left");
    assert_eq!(machine(folder, "old limits").1, Standing::Replaced, "nor does it help to start it again");
    assert_eq!(machine(folder, "new limits").1, Standing::InForce);
    assert_eq!(round(&mut new, folder), Ok(1));
    // A named person may go back.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let ledger = Ledger::open(&folder.join(FILE_NAME), random).await.unwrap();
        let (by, why) = (Told::personal("Ada"), Told::personal("the new ones were a mistake"));
        ledger.adopt(&edition("old limits"), by, why, at(20)).await.unwrap();
        ledger.close().await;
    });
    decided(folder, promises(2), vec![("beer", set(210))], at(20));
    assert!(round(&mut new, folder).is_err());
    assert_eq!(machine(folder, "old limits").1, Standing::InForce);
    round(&mut old, folder).unwrap();
    assert_eq!(messages(folder, "milk")[0].stage, Stage::Confirmed);
    assert!(audit_holds(folder) >= 5, "two decisions and three editions at least");
    println!(
        "measured: R8 | a sender whose limits others replaced | refused at its next message, in the same transaction"
    );
}
