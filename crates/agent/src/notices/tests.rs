use super::*;
use endcap_model::Currency;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, civil};

fn at(minute: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minute)
}

fn signal(about: &str, money: i64) -> Signal {
    Signal {
        source: "supply".into(),
        kind: "runs_out".into(),
        about: about.into(),
        sku: Some("38".into()),
        place: Some("north".into()),
        text: format!("{about} runs out."),
        advice: "Order.".into(),
        money: Some(money),
        floor: None,
        measured: None,
        page: Some("/supply".into()),
    }
}

fn look(open: &[Notice], signals: &[Signal], minute: i64) -> Vec<(Notice, Option<Step>)> {
    let seen = Seen { source: "supply", signals, whole: true };
    step(open, &seen, &Judging::default(), at(minute))
}

#[test]
fn money_says_how_severe_and_little_money_is_no_notice() {
    let judge = |money: i64| Judging::default().of(&signal("a", money));
    assert_eq!(judge(4_999), None);
    assert_eq!(judge(5_000), Some(Severity::Warning));
    assert_eq!(judge(50_000), Some(Severity::Critical));
    assert_eq!(judge(500_000), Some(Severity::Emergency));
    let floor = Signal { floor: Some(Severity::Critical), ..signal("a", 1) };
    assert_eq!(Judging::default().of(&floor), Some(Severity::Critical));
}

#[test]
fn what_lies_within_its_own_usual_range_is_no_notice_whatever_the_money() {
    let steady = [50.0, 52.0, 49.0, 51.0, 50.0, 48.0, 400.0];
    let usual = Usual::of(&steady).unwrap();
    assert_eq!(usual.middle, 50.0, "one wild week moves nothing");
    let wide = Usual::of(&[10.0, 90.0, 20.0, 80.0, 15.0, 85.0, 50.0]).unwrap();
    let judge = |value: f64, usual: Usual| {
        Judging::default().of(&Signal { measured: Some(Measured { value, usual }), ..signal("a", 60_000) })
    };
    assert_eq!(judge(90.0, usual), Some(Severity::Critical), "40 more is much where 50 is steady");
    assert_eq!(judge(90.0, wide), None, "and usual where it swings");
    assert_eq!(judge(300.0, usual), Some(Severity::Emergency), "far beyond its range is one step worse");
    assert_eq!(Usual::of(&[1.0, 2.0]), None);
}

#[test]
fn one_thing_is_one_notice_however_often_and_by_whomever_it_is_seen() {
    let twice = [signal("a", 6_000), Signal { source: "elsewhere".into(), ..signal("a", 60_000) }];
    let first = look(&[], &twice, 0);
    assert_eq!(first.len(), 1);
    let (notice, step) = &first[0];
    assert_eq!((notice.severity, notice.times, step), (Severity::Critical, 1, &Some(Step::Opened)));
    let again = look(std::slice::from_ref(notice), &twice, 5);
    assert_eq!((again[0].0.times, &again[0].1, &again[0].0.id), (2, &None, &notice.id));
}

#[test]
fn a_notice_that_grows_worse_loses_its_answer_and_one_that_is_gone_is_over() {
    let opened = look(&[], &[signal("a", 6_000)], 0)[0].0.clone();
    let (answered, _) = opened.acknowledged("Ada", "I order", at(1)).unwrap();
    let milder = look(std::slice::from_ref(&answered), &[signal("a", 7_000)], 2)[0].clone();
    assert_eq!((milder.1, milder.0.acknowledged.is_some()), (None, true));
    let worse = look(&[answered], &[signal("a", 600_000)], 3)[0].clone();
    assert_eq!((worse.1, worse.0.acknowledged), (Some(Step::Worse { from: Severity::Warning }), None));
    assert!(look(std::slice::from_ref(&opened), &[], 9).is_empty(), "what comes and goes is no news each time");
    let over = look(std::slice::from_ref(&opened), &[], 10)[0].clone();
    assert_eq!((over.1, over.0.over), (Some(Step::Over), Some(at(10))));
    let others = Seen { source: "channels", signals: &[], whole: true };
    assert!(step(&[opened], &others, &Judging::default(), at(99)).is_empty(), "nobody ends what another sees");
}

#[test]
fn what_nobody_answers_escalates_once() {
    let open = look(&[], &[signal("a", 60_000), signal("b", 6_000)], 0);
    let open: Vec<Notice> = open.into_iter().map(|(notice, _)| notice).collect();
    assert!(escalated(&open, &Judging::default(), at(59)).is_empty());
    let now = escalated(&open, &Judging::default(), at(60));
    assert_eq!(now.len(), 1, "warnings do not escalate");
    assert!(escalated(&[now[0].0.clone()], &Judging::default(), at(999)).is_empty());
    let (answered, _) =
        open.iter().find(|one| one.severity == Severity::Critical).unwrap().acknowledged("Ada", "", at(5)).unwrap();
    assert!(escalated(&[answered], &Judging::default(), at(999)).is_empty());
}

fn receiver(most_per_hour: u32) -> Receiver {
    Receiver { name: "team".into(), from: Severity::Warning, escalations: false, most_per_hour, digest_minutes: 60 }
}

fn due(count: usize) -> Vec<Due> {
    (0..count)
        .map(|number| {
            let signal = signal(&format!("item {number}"), 6_000 + number as i64);
            let notice = look(&[], &[signal], 0)[0].0.clone();
            Due { step: number as i64, what: Step::Opened, notice }
        })
        .collect()
}

const PLAIN: Terms<'static> = Terms { quiet: &[], mutes: &[], currency: Currency::EUR, desk: None };

#[test]
fn a_storm_is_one_digest_and_never_more_than_was_agreed() {
    let few = tellings(&receiver(3), &due(3), Traffic::default(), &PLAIN, at(1));
    assert_eq!((few.now.len(), few.now.iter().any(|one| one.digest)), (3, false));
    assert!(few.now[0].text.contains("item 2"), "most money first: {}", few.now[0].text);
    let storm = tellings(&receiver(3), &due(500), Traffic::default(), &PLAIN, at(1));
    assert_eq!((storm.now.len(), storm.now[0].steps.len()), (1, 500));
    assert!(storm.now[0].subject.contains("500 notices") && storm.now[0].text.contains("and 450 more"));
    let later = Traffic { last_hour: 0, last_digest: Some(at(1)) };
    assert!(tellings(&receiver(3), &due(500), later, &PLAIN, at(60)).now.is_empty(), "the next digest waits its hour");
    assert_eq!(tellings(&receiver(3), &due(500), later, &PLAIN, at(61)).now.len(), 1);
    assert_eq!(storm, tellings(&receiver(3), &due(500), Traffic::default(), &PLAIN, at(2)), "its key is the same");
}

#[test]
fn muted_things_are_dropped_and_quiet_hours_wait() {
    let mute = Mute {
        kind: None,
        sku: Some("38".into()),
        place: None,
        from: at(0),
        until: at(60),
        by: "Ada".into(),
        reason: "known".into(),
    };
    let terms = Terms { mutes: std::slice::from_ref(&mute), ..PLAIN };
    assert_eq!(tellings(&receiver(3), &due(2), Traffic::default(), &terms, at(1)).dropped, [0, 1]);
    assert_eq!(tellings(&receiver(3), &due(2), Traffic::default(), &terms, at(60)).now.len(), 2, "until its end");
    let quiet = Quiet {
        from: civil::time(22, 0, 0, 0),
        until: civil::time(6, 0, 0, 0),
        except_from: Severity::Emergency,
        zone: TimeZone::UTC,
    };
    let terms = Terms { quiet: std::slice::from_ref(&quiet), ..PLAIN };
    let night = tellings(&receiver(3), &due(2), Traffic::default(), &terms, at(23 * 60));
    assert_eq!((night.now.len(), night.dropped.len()), (0, 0));
    assert_eq!(tellings(&receiver(3), &due(2), Traffic::default(), &terms, at(30 * 60)).now.len(), 2);
}

#[test]
fn what_was_over_before_anybody_heard_of_it_is_not_told() {
    let mut one = due(1).remove(0);
    one.notice.over = Some(at(20));
    let end = Due { step: 9, what: Step::Over, ..one.clone() };
    let told = tellings(&receiver(3), &[one.clone(), end.clone()], Traffic::default(), &PLAIN, at(21));
    assert_eq!((told.now.len(), told.dropped.len()), (0, 2));
    let told = tellings(&receiver(3), &[end], Traffic::default(), &PLAIN, at(21));
    assert!(told.now[0].subject.contains("over"), "what was told is told to be over");
}

#[test]
fn only_those_who_asked_for_it_are_told_of_escalations() {
    let notice = due(1).remove(0).notice;
    let boss = Receiver { escalations: true, ..receiver(3) };
    assert!(receiver(3).wants(&notice, &Step::Opened) && !boss.wants(&notice, &Step::Opened));
    assert!(boss.wants(&notice, &Step::Escalated) && !receiver(3).wants(&notice, &Step::Escalated));
    let picky = Receiver { from: Severity::Critical, ..receiver(3) };
    assert!(!picky.wants(&notice, &Step::Opened));
}

#[test]
fn facts_that_come_later_than_usual_are_told() {
    let loads: Vec<Timestamp> = (0..10).map(|day| at(day * 1440 + day % 3)).collect();
    let after =
        |hours: i64| silent_signal(&loads, at(9 * 1440 + hours * 60)).and_then(|signal| Judging::default().of(&signal));
    assert_eq!(after(20), None);
    assert_eq!(after(25), None, "an hour late is usual");
    assert!(after(72).is_some());
    assert!(silent_signal(&loads[..3], at(99_999)).is_none(), "what is usual is not known yet");
}
