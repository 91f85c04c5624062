//! What is due when.

use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn schedule(text: &str) -> ScheduleSettings {
    let schedule: ScheduleSettings = toml::from_str(text).unwrap();
    schedule.check().unwrap();
    schedule
}

fn asked(
    schedules: &[ScheduleSettings],
    ledger: &mut Ledger,
    now: &str,
    record: i64,
    stock: Option<i64>,
) -> Vec<String> {
    due(schedules, ledger, &Standing { now: at(now), last_record: record, read: &|_, _, _| stock })
}

#[test]
fn a_time_that_passed_while_nobody_ran_is_made_up_once() {
    let nightly = [schedule("name = \"n\"\nrun = \"plan\"\nat = \"30 5 * * *\"\ntime_zone = \"Europe/Berlin\"")];
    let mut ledger = Ledger::new();
    assert!(asked(&nightly, &mut ledger, "2026-03-01T12:00:00Z", 0, None).is_empty(), "the past does not count");
    assert!(asked(&nightly, &mut ledger, "2026-03-02T04:29:59Z", 0, None).is_empty());
    assert_eq!(asked(&nightly, &mut ledger, "2026-03-05T12:00:00Z", 0, None), ["n"]);
    // Killed before it was noted: it is due again.
    assert_eq!(asked(&nightly, &mut ledger, "2026-03-05T12:00:01Z", 0, None), ["n"]);
    note(&nightly[0], &mut ledger, true, (at("2026-03-05T12:10:00Z"), 0));
    assert!(asked(&nightly, &mut ledger, "2026-03-05T12:11:00Z", 0, None).is_empty());
}

#[test]
fn new_facts_start_it_at_most_once_in_its_time_and_only_new_ones() {
    let fresh = [schedule("name = \"f\"\nrun = \"load\"\non_facts_minutes = 15")];
    let mut ledger = Ledger::new();
    assert!(asked(&fresh, &mut ledger, "2026-03-01T12:00:00Z", 0, None).is_empty());
    assert_eq!(asked(&fresh, &mut ledger, "2026-03-01T12:00:01Z", 3, None), ["f"]);
    note(&fresh[0], &mut ledger, true, (at("2026-03-01T12:00:05Z"), 3));
    assert!(asked(&fresh, &mut ledger, "2026-03-01T12:30:00Z", 3, None).is_empty(), "nothing new");
    assert!(asked(&fresh, &mut ledger, "2026-03-01T12:10:00Z", 9, None).is_empty(), "too soon");
    assert_eq!(asked(&fresh, &mut ledger, "2026-03-01T12:15:05Z", 9, None), ["f"]);
}

#[test]
fn conditions_start_it_when_they_begin_to_hold_and_not_while_they_go_on() {
    let low = [schedule(
        "name = \"low\"\nrun = \"plan\"\n[[when]]\nunit_id = \"milk\"\nplace = \"north\"\nwhat = \"stock\"\nis = \"at_most\"\nvalue = 5",
    )];
    let mut ledger = Ledger::new();
    let mut asked = |now: &str, stock| asked(&low, &mut ledger, now, 0, stock);
    assert!(asked("2026-03-01T12:00:00Z", Some(9)).is_empty());
    assert!(asked("2026-03-01T12:01:00Z", None).is_empty(), "what is not known starts nothing");
    assert_eq!(asked("2026-03-01T12:02:00Z", Some(5)), ["low"]);
    note(&low[0], &mut ledger, true, (at("2026-03-01T12:02:10Z"), 0));
    let mut asked = |now: &str, stock| super::tests::asked(&low, &mut ledger, now, 0, stock);
    assert!(asked("2026-03-01T12:03:00Z", Some(4)).is_empty());
    assert!(asked("2026-03-01T12:04:00Z", Some(40)).is_empty());
    assert_eq!(asked("2026-03-01T12:05:00Z", Some(3)), ["low"]);
}

#[test]
fn one_follows_another_and_failures_are_tried_again_with_longer_pauses() {
    let both = [
        schedule("name = \"a\"\nrun = \"load\"\non_facts_minutes = 0"),
        schedule("name = \"b\"\nrun = \"plan\"\nafter = \"a\""),
    ];
    let mut ledger = Ledger::new();
    assert_eq!(asked(&both, &mut ledger, "2026-03-01T12:00:00Z", 1, None), ["a"]);
    note(&both[0], &mut ledger, true, (at("2026-03-01T12:00:01Z"), 1));
    assert_eq!(asked(&both, &mut ledger, "2026-03-01T12:00:02Z", 1, None), ["b"]);
    note(&both[1], &mut ledger, false, (at("2026-03-01T12:00:03Z"), 1));
    assert!(asked(&both, &mut ledger, "2026-03-01T12:00:07Z", 1, None).is_empty());
    assert_eq!(asked(&both, &mut ledger, "2026-03-01T12:00:08Z", 1, None), ["b"]);
    note(&both[1], &mut ledger, false, (at("2026-03-01T12:00:08Z"), 1));
    assert!(asked(&both, &mut ledger, "2026-03-01T12:00:17Z", 1, None).is_empty());
    assert_eq!(asked(&both, &mut ledger, "2026-03-01T12:00:18Z", 1, None), ["b"]);
    note(&both[1], &mut ledger, true, (at("2026-03-01T12:00:20Z"), 1));
    assert!(asked(&both, &mut ledger, "2026-03-01T12:10:00Z", 1, None).is_empty());
    assert_eq!([1, 2, 3, 99].map(|failures| pause(failures).as_secs()), [5, 10, 20, 600]);
}

#[test]
fn what_does_not_fit_is_named() {
    for (text, expected) in [
        ("name = \"x\"\nrun = \"plan\"", "one of at, on_facts_minutes, when and after"),
        ("name = \"x\"\nrun = \"plan\"\nat = \"1 2 3 4 5\"", "IANA name"),
        ("name = \"x\"\nrun = \"plan\"\nat = \"1 2 3 4 5\"\ntime_zone = \"Mars/Base\"", "IANA name"),
        ("name = \"x\"\nrun = \"plan\"\nat = \"1 2\"\ntime_zone = \"UTC\"", "five fields"),
        ("name = \"x\"\nrun = \"plan\"\nafter = \"x\"", "another schedule"),
        ("name = \"\"\nrun = \"plan\"\nafter = \"x\"", "a name"),
    ] {
        let wrong = toml::from_str::<ScheduleSettings>(text).unwrap().check().unwrap_err();
        assert!(wrong.2.contains(expected), "{text}: {wrong:?}");
    }
}
