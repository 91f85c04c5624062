//! The notary: what it signs by itself, what it never signs, and what witnesses make of it.

use super::*;
use endcap_adapters::ledger::write_key;
use endcap_adapters::notary::{FILE_NAME as SETTINGS, Notary, NotaryError};
use endcap_govern::audit::{Note, Offer, Purpose, SecretKey, WitnessRefused, cosign};
use jiff::SignedDuration;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};

const MINUTE: SignedDuration = SignedDuration::from_secs(60);

struct House {
    project: tempfile::TempDir,
    log: SecretKey,
    partner: SecretKey,
    customer: SecretKey,
}

fn key(name: &str, purpose: Purpose, seed: u8) -> SecretKey {
    SecretKey::new(name, purpose, &[seed; 32]).unwrap()
}

impl House {
    /// A project with a log key, a witness that shares a folder and one that is asked over HTTP.
    fn new(customer_at: Option<SocketAddr>) -> Self {
        let house = Self {
            project: tempfile::tempdir().unwrap(),
            log: key("shop.example/log", Purpose::Log, 1),
            partner: key("partner.example", Purpose::Witness, 2),
            customer: key("customer.example", Purpose::Witness, 3),
        };
        write_key(&house.path("log.key"), &house.log).unwrap();
        std::fs::create_dir(house.path("partner")).unwrap();
        let mut text = format!(
            "log_key = \"log.key\"\n[[witness]]\nname = \"partner\"\npublic_key = \"{}\"\nfolder = \"partner\"\n",
            house.partner.public()
        );
        if let Some(address) = customer_at {
            let public = house.customer.public();
            text += &format!(
                "[[witness]]\nname = \"customer\"\npublic_key = \"{public}\"\nurl = \"http://{address}/add-checkpoint\"\n"
            );
        }
        std::fs::write(house.path(SETTINGS), text).unwrap();
        house
    }

    fn path(&self, name: &str) -> PathBuf {
        self.project.path().join(name)
    }

    fn decide(&self, count: usize) {
        waited(async {
            let ledger = Ledger::open(&self.path("ledger.db"), random).await.unwrap();
            for number in 0..count {
                ledger.record(Timestamp::now(), decision(number)).await.unwrap();
            }
            ledger.close().await;
        });
    }

    fn notary(&self) -> Result<Notary, NotaryError> {
        Notary::open(self.project.path(), random).map(Option::unwrap)
    }

    /// What the partner does when it comes by: signs what lies there if it continues what it signed.
    fn partner_comes_by(&self) {
        let offer: Offer = std::fs::read_to_string(self.path("partner/offer.txt")).unwrap().parse().unwrap();
        let memory = std::fs::read_to_string(self.path("partner/signed.checkpoint")).ok();
        let memory: Option<Note> = memory.map(|text| text.parse().unwrap());
        let log = [self.log.public().clone()];
        let note = cosign(&offer, memory.as_ref(), &log, &self.partner, Timestamp::now()).unwrap();
        std::fs::write(self.path("partner/signed.checkpoint"), note.to_string()).unwrap();
    }

    fn verified(&self) -> Result<Verified, LedgerFault> {
        let witnesses = vec![self.partner.public().clone(), self.customer.public().clone()];
        let anchors = Anchors { log: vec![self.log.public().clone()], witnesses, ..Anchors::default() };
        waited(async { endcap_adapters::ledger::verify(&self.path("ledger.db"), &anchors).await.unwrap() })
    }
}

fn decision(number: usize) -> Entry<Told> {
    Entry::new(Told::open("endcap"), "plan judged", Told::open(format!("plan {number}")), Ruling::Allowed)
}

/// A witness that answers as C2SP `tlog-witness` says, with a memory of its own.
fn serve_witness(log: SecretKey, witness: SecretKey) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let memory: Arc<Mutex<Option<Note>>> = Arc::default();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut bytes = vec![];
            let mut part = [0; 4096];
            let body = loop {
                let read = stream.read(&mut part).unwrap();
                bytes.extend_from_slice(&part[..read]);
                let text = String::from_utf8_lossy(&bytes).into_owned();
                let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
                let length =
                    head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
                if body.len() >= length.unwrap_or(0) {
                    break body.to_owned();
                }
            };
            let offer: Offer = body.parse().unwrap();
            let mut memory = memory.lock().unwrap();
            let log = [log.public().clone()];
            let (status, answer) = match cosign(&offer, memory.as_ref(), &log, &witness, Timestamp::now()) {
                Ok(note) => {
                    *memory = Some(note.clone());
                    let start = format!("\u{2014} {} ", witness.public().name());
                    let text = note.to_string();
                    (
                        "200 OK",
                        text.lines().filter(|line| line.starts_with(&start)).map(|line| format!("{line}\n")).collect(),
                    )
                }
                Err(WitnessRefused::OtherStart { remembered, .. }) => ("409 Conflict", format!("{remembered}\n")),
                Err(other) => ("403 Forbidden", other.to_string()),
            };
            write!(
                stream,
                "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{answer}",
                answer.len()
            )
            .unwrap();
        }
    });
    address
}

#[test]
fn a_checkpoint_is_signed_after_a_minute_or_a_thousand_records_and_witnessed_by_two() {
    let customer =
        serve_witness(key("shop.example/log", Purpose::Log, 1), key("customer.example", Purpose::Witness, 3));
    let house = House::new(Some(customer));
    house.decide(5);
    let (mut notary, begun) = (house.notary().unwrap(), Timestamp::now());
    assert_eq!(notary.tick(begun).unwrap().signed, None, "five records can wait a minute");
    let first = notary.tick(begun + MINUTE).unwrap();
    assert_eq!(
        (first.signed, first.witnessed.as_slice()),
        (Some(5), &["customer".to_owned()][..]),
        "{:?}",
        first.faults
    );
    assert_eq!(notary.tick(begun + MINUTE).unwrap().signed, None, "nothing was added");
    house.partner_comes_by();
    let taken_back = notary.tick(begun + MINUTE * 2).unwrap();
    assert_eq!(taken_back.witnessed, ["partner"], "{:?}", taken_back.faults);
    assert_eq!(house.verified().unwrap().witnessed.iter().map(|one| one.records).collect::<Vec<_>>(), [5, 5]);

    house.decide(1_000);
    let second = notary.tick(begun + MINUTE * 2 + SignedDuration::from_secs(1)).unwrap();
    assert_eq!((second.signed, second.witnessed.as_slice()), (Some(1_005), &["customer".to_owned()][..]));
    // A new sender knows nothing of how far the witnesses are, and finds out.
    house.decide(1);
    let mut another = house.notary().unwrap();
    another.tick(begun + MINUTE * 3).unwrap();
    let third = another.tick(begun + MINUTE * 4).unwrap();
    assert_eq!(
        (third.signed, third.witnessed.as_slice()),
        (Some(1_006), &["customer".to_owned()][..]),
        "{:?}",
        third.faults
    );
    house.partner_comes_by();
    assert_eq!(another.tick(begun + MINUTE * 5).unwrap().witnessed, ["partner"]);
    let verified = house.verified().unwrap();
    assert_eq!((verified.records, verified.signed), (1_006, 1_006));
    assert!(verified.witnessed.iter().all(|one| one.records == 1_006), "{:?}", verified.witnessed);
}

#[test]
fn a_witness_that_is_silent_or_lies_keeps_no_checkpoint_from_being_signed() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let house = House::new(Some(nobody));
    house.decide(3);
    let handed_back = house.path("partner/signed.checkpoint");
    std::fs::write(&handed_back, "not a checkpoint").unwrap();
    let (mut notary, begun) = (house.notary().unwrap(), Timestamp::now());
    notary.tick(begun).unwrap();
    let ticked = notary.tick(begun + MINUTE).unwrap();
    assert_eq!((ticked.signed, ticked.witnessed.len(), ticked.faults.len()), (Some(3), 0, 2), "{:?}", ticked.faults);
    // What comes back then bears the right name and another's signature.
    std::fs::remove_file(&handed_back).unwrap();
    notary.tick(begun + MINUTE * 2).unwrap();
    let offer: Offer = std::fs::read_to_string(house.path("partner/offer.txt")).unwrap().parse().unwrap();
    let forger = key("partner.example", Purpose::Witness, 9);
    let forged = cosign(&offer, None, &[house.log.public().clone()], &forger, Timestamp::now()).unwrap();
    std::fs::write(&handed_back, forged.to_string()).unwrap();
    let ticked = notary.tick(begun + MINUTE * 3).unwrap();
    assert!(ticked.witnessed.is_empty());
    assert!(ticked.faults.iter().any(|fault| fault.contains("not signed by its key")), "{:?}", ticked.faults);
    let found = house.verified();
    assert!(matches!(found, Err(LedgerFault::Trail(Fault::Unwitnessed { .. }))), "{found:?}");
}

#[test]
fn a_trail_that_was_rewritten_is_never_signed() {
    let house = House::new(None);
    house.decide(4);
    let (mut notary, begun) = (house.notary().unwrap(), Timestamp::now());
    notary.tick(begun).unwrap();
    assert_eq!(notary.tick(begun + MINUTE).unwrap().signed, Some(4));
    // Somebody with the file writes the last record anew, and everything that goes with it, but not what was signed.
    waited(async {
        use sqlx::{ConnectOptions, Connection};
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(house.path("ledger.db"));
        let mut connection = options.connect().await.unwrap();
        let change = "drop trigger record_stays; \
            update record set content = replace(content, 'plan 3', 'plan 9') where sequence = 4";
        sqlx::raw_sql(change).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    });
    assert!(matches!(house.notary(), Err(NotaryError::Rewritten(4))), "a new notary finds it at the kept checkpoint");
    house.decide(1);
    assert!(matches!(house.notary(), Err(NotaryError::Rewritten(5))), "what was added hangs on the record that was");
}

#[test]
fn settings_that_make_no_sense_are_named() {
    let house = House::new(None);
    let good = std::fs::read_to_string(house.path(SETTINGS)).unwrap();
    for (from, to, expected) in [
        ("log_key = \"log.key\"", "log_key = \"log.key\"\nevery_seconds = 0", "every_seconds"),
        ("log_key = \"log.key\"", "log_key = \"log.key\"\nevery_records = 0", "every_records"),
        ("log_key = \"log.key\"", "log_key = \"gone.key\"", "gone.key"),
        ("folder = \"partner\"", "", "either folder or url"),
        ("folder = \"partner\"", "url = \"http://example.com/add-checkpoint\"", "url"),
    ] {
        std::fs::write(house.path(SETTINGS), good.replace(from, to)).unwrap();
        let why = house.notary().err().unwrap().to_string();
        assert!(why.contains(expected), "{why}");
    }
}
