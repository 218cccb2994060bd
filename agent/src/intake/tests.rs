//! Stories of intake, on real files.

mod commanding;
mod sheets;

use std::collections::BTreeMap;
use std::io::Cursor;
use std::sync::Arc;
use std::time::Duration;

use jiff::civil::time;
use jiff::tz::TimeZone;
use tempfile::TempDir;

use super::*;
use crate::clock::Clock;
use crate::domain::*;
use crate::store::{Config, Retention, Store};

struct Club {
    folder: TempDir,
    store: Store,
    clock: Clock,
    policy: Arc<Policy>,
}

fn club() -> Club {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::system();
    let store = Store::open(&config(&folder), clock.clone()).unwrap();
    Club { folder, store, clock, policy: Arc::new(policy()) }
}

fn config(folder: &TempDir) -> Config {
    Config { path: folder.path().join("varco.db"), keep: Retention::default(), ballast_bytes: 64 * 1024 }
}

fn policy() -> Policy {
    let gym = Zone { id: "gym".parse().unwrap(), capacity: None, parent: None, hours: Vec::new() };
    Policy {
        site: Site {
            id: "milano".parse().unwrap(),
            name: "Milano".into(),
            timezone: TimeZone::get("Europe/Rome").unwrap(),
            locale: Locale::It,
            club_day_starts: time(4, 0, 0, 0),
            maximum_stay: None,
        },
        zones: BTreeMap::from([(gym.id.clone(), gym)]),
        gates: BTreeMap::new(),
        readers: BTreeMap::new(),
        repeat_window: Duration::from_secs(3),
        anti_passback: Level::Off,
        fee: Level::Off,
        dues: DuesRule::default(),
        certificate: CertificateRule::default(),
        classes: ClassesRule::default(),
    }
}

fn person(json: &str) -> Person {
    serde_json::from_str(json).unwrap()
}

fn named(id: &str, more: &str) -> String {
    format!(r#"{{"external_id":"{id}","first_name":"Anna","last_name":"Rossi"{more}}}"#)
}

fn with_cards(id: &str, cards: &[&str]) -> String {
    let cards: Vec<_> = cards.iter().map(|card| format!(r#"{{"value":"{card}"}}"#)).collect();
    named(id, &format!(r#","credentials":[{}]"#, cards.join(",")))
}

fn check(json: &str) -> Result<CheckedPerson, Refused> {
    CheckedPerson::new(person(json), &policy(), Clock::system().now())
}

fn told(json: &str) -> String {
    match check(json) {
        Ok(checked) => checked.warnings().iter().map(|warning| format!("warned {warning}\n")).collect(),
        Err(refused) => refused.problems.iter().map(|problem| format!("refused {problem}\n")).collect(),
    }
}

impl Club {
    /// Imports a file; one line for each line told of, and the counts.
    async fn import(&self, format: Format, file: impl Into<Vec<u8>>) -> String {
        let mut said = String::new();
        let tell = |news: ImportNews| match news {
            ImportNews::Progress(_) => {}
            ImportNews::Skipped(note) => said.push_str(&line(&note)),
            ImportNews::Warned(note) => said.push_str(&format!("warned {}", line(&note))),
        };
        let (policy, source) = (Arc::clone(&self.policy), Cursor::new(file.into()));
        let counts = import_people(&self.store, policy, &self.clock, format, source, tell).await;
        match counts {
            Ok(it) => {
                said + &format!(
                    "{} new, {} replaced, {} of {} skipped\n",
                    it.created, it.replaced, it.skipped, it.lines
                )
            }
            Err(why) => said + &format!("stopped: {why}\n"),
        }
    }

    async fn ndjson(&self, lines: &[String]) -> String {
        self.import(Format::Ndjson, lines.join("\n")).await
    }

    /// Who has which cards.
    async fn cards(&self) -> String {
        let all = self.store.read("a story", |view| view.people(None, None, 500)).await.unwrap().items;
        let cards = |it: &Person| it.credentials.iter().map(|card| card.value.clone()).collect::<Vec<_>>().join(" ");
        all.iter().map(|it| format!("{}: {}\n", it.person.external_id, cards(&it.person))).collect()
    }
}

fn line(note: &LineNote) -> String {
    let problems: Vec<_> = note.problems.iter().map(ToString::to_string).collect();
    format!("line {}: {}\n", note.line, problems.join("; "))
}

#[test]
fn a_document_is_tidied_before_it_is_kept() {
    let checked = check(&named(
        "M-1",
        r#","email":" Anna.Rossi@Example.ORG ","phone":"","mobile":" +39\t333 ","language":"IT","groups":["Gold"," Gold "],
           "credentials":[{"value":" 04:15:AB ","aliases":["0415ab"]}]"#,
    ))
    .unwrap();
    let it = checked.person();
    assert_eq!(it.email.as_deref(), Some("Anna.Rossi@example.org"));
    assert_eq!((it.phone.as_deref(), it.mobile.as_deref()), (None, Some("+39 333")));
    assert_eq!((it.language.as_deref(), it.groups.len()), (Some("it"), 1));
    assert_eq!(it.credentials[0].value, "04:15:AB");
}

#[test]
fn null_is_unknown_wherever_a_field_may_be_absent() {
    let whole: serde_json::Value = serde_json::from_str(
        r#"{"external_id":"M-1","first_name":"Anna","last_name":"Rossi","birth_date":"1990-04-12","gender":"F",
            "email":"anna@example.org","phone":"1","mobile":"2","language":"it","category":"adult","source":"web",
            "address":{"street":"Via Roma 1","zip":"20121","city":"Milano","province":"MI","country":"IT"},
            "groups":["Gold"],"staff":true,"member_since":"2021-09-01","fee_valid_until":"2026-12-31",
            "allow_sync":true,"allow_activity_sync":true,"allow_photo_publish":true,
            "photo":{"taken_at":"2026-01-05T10:00:00Z","jpeg_base64":"/9j/4A=="},
            "ban":{"until":"2026-12-31","reason":"damage"},"certificate_valid_until":"2027-01-31",
            "dues":[{"id":"F-77","due_on":"2026-10-01","exempt":true}],
            "credentials":[{"value":"0415AB12CD","kind":"pin","status":"lost","valid_from":"2026-01-05T10:00:00Z",
                "valid_until":"2027-01-05T10:00:00Z","aliases":["1"]}],
            "memberships":[{"id":"S-1","product":"Gold","kind":"punch_card","gives_membership":true,
                "starts_on":"2026-01-01","ends_on":"2026-12-31","bound_until":"2026-12-31","charged_until":"2026-12-31",
                "auto_renew":true,"frozen":{"from":"2026-08-01","until":"2026-08-31"},"ended":true,"zones":["gym"],
                "hours":[{"days":"mon-fri","from":"06:00","to":"23:00"}],"entries_left":3,
                "entries_as_of":"2026-01-05T10:00:00Z"}]}"#,
    )
    .unwrap();
    let read = |document: &serde_json::Value| serde_json::from_value::<Person>(document.clone()).ok();
    assert_eq!(read(&whole).map(|it| serde_json::to_value(it).unwrap().as_object().unwrap().len()), Some(25));
    let paths = paths_of(&whole, "");
    assert_eq!(paths.len(), 63, "{paths:?}");
    for path in paths {
        let (object, field) = path.rsplit_once('/').unwrap();
        let (mut null, mut absent) = (whole.clone(), whole.clone());
        *null.pointer_mut(&path).unwrap() = serde_json::Value::Null;
        absent.pointer_mut(object).unwrap().as_object_mut().unwrap().remove(field);
        assert_eq!(read(&null), read(&absent), "{path}");
    }
}

/// Every field of every object in a document.
fn paths_of(document: &serde_json::Value, at: &str) -> Vec<String> {
    let within = |key: &str, value: &serde_json::Value| paths_of(value, &format!("{at}/{key}"));
    match document {
        serde_json::Value::Object(fields) => {
            fields.iter().flat_map(|(key, it)| [vec![format!("{at}/{key}")], within(key, it)].concat()).collect()
        }
        serde_json::Value::Array(items) => {
            items.iter().enumerate().flat_map(|(key, it)| within(&key.to_string(), it)).collect()
        }
        _ => Vec::new(),
    }
}

#[test]
fn every_problem_of_a_document_is_told_at_once() {
    let bad = r#"{"external_id":"M-1","first_name":"  ","last_name":"R","birth_date":"0001-01-01",
        "photo":{"taken_at":"2026-01-05T10:00:00Z","jpeg_base64":"aGVsbG8="},
        "credentials":[{"value":"0042"},{"value":"42"},{"value":" "}],
        "memberships":[{"id":"S-1","kind":"subscription"},{"id":"S-1","kind":"subscription"}]}"#;
    expect_test::expect![[r#"
        refused first_name: is required and must not be empty
        refused birth_date: 0001-01-01 is no birth date; write null if it is unknown
        refused photo.jpeg_base64: is no JPEG
        refused credentials[1].value: stands in credentials[0] already
        refused credentials[2].value: nothing is left of the value
        refused memberships[1].id: stands in memberships[0] already
    "#]]
    .assert_eq(&told(bad));
}

#[test]
fn what_is_odd_is_taken_with_a_warning() {
    let odd = named(
        "M-1",
        r#","email":"anna","memberships":[
            {"id":"S-1","kind":"subscription","starts_on":"2026-02-01","ends_on":"2026-01-01","zones":["spa"]},
            {"id":"P-1","kind":"punch_card"}]"#,
    );
    expect_test::expect![[r#"
        warned email: is no e-mail address; upstreams that need one will refuse this person
        warned memberships[0].zones[0]: zone spa is not configured at this site
        warned memberships[0].ends_on: lies before starts_on: this membership never opens
        warned memberships[1].entries_left: is unknown: this punch card opens nothing
    "#]]
    .assert_eq(&told(&odd));
}

#[tokio::test]
async fn bad_lines_are_named_and_skipped_and_the_rest_is_imported() {
    let club = club();
    let lines = [
        "\u{feff}".to_owned() + &with_cards("M-1", &["A1"]),
        String::new(),
        "{not json".to_owned(),
        named("M-2", r#","shoe_size":44"#),
        named("M-3", r#","memberships":[{"id":"S","kind":"weekly"}]"#),
        with_cards("M-4", &["A1"]),
        r#"{"external_id":"M-5","first_name":"No"}"#.to_owned(),
        with_cards("M-6", &["A6"]),
        "nothing of the kind".to_owned(),
        named("M-7", "") + &named("M-8", ""),
        named("M-9", "") + ",",
    ];
    expect_test::expect![[r#"
        line 3: key must be a string, at column 2
        line 4: shoe_size: unknown field `shoe_size`, expected one of `external_id`, `first_name`, `last_name`, `birth_date`, `gender`, `email`, `phone`, `mobile`, `address`, `language`, `category`, `groups`, `staff`, `member_since`, `allow_sync`, `allow_activity_sync`, `allow_photo_publish`, `photo`, `ban`, `fee_valid_until`, `certificate_valid_until`, `dues`, `credentials`, `memberships`, `source`, at column 72
        line 5: memberships[0].kind: unknown variant `weekly`, expected `subscription` or `punch_card`, at column 101
        line 7: missing field `last_name`, at column 39
        line 9: this is no JSON, at column 2
        line 10: a second document follows the first document, at column 62; write one document a line and nothing else
        line 11: a comma follows the first document, at column 62; write one document a line and nothing else
        line 6: credentials[0].value: belongs to M-1, who must give it up first
        2 new, 0 replaced, 8 of 10 skipped
    "#]]
    .assert_eq(&club.ndjson(&lines).await);
    assert_eq!(club.cards().await, "M-1: A1\nM-6: A6\n");
}

#[tokio::test]
async fn importing_the_same_file_again_changes_nothing() {
    let club = club();
    let lines: Vec<_> = (0..1200).map(|n| with_cards(&format!("M-{n}"), &[&format!("C{n}")])).collect();
    assert_eq!(club.ndjson(&lines).await, "1200 new, 0 replaced, 0 of 1200 skipped\n");
    assert_eq!(club.ndjson(&lines).await, "0 new, 1200 replaced, 0 of 1200 skipped\n");
}

#[tokio::test]
async fn a_card_moves_to_an_earlier_line_of_the_same_file() {
    let club = club();
    club.ndjson(&[with_cards("A", &["1"]), with_cards("B", &["2"]), with_cards("C", &["3"])]).await;
    // A takes B's, B takes C's, C gets a new one: every claim comes before its card is given up.
    let moved = [with_cards("A", &["2"]), with_cards("B", &["3"]), with_cards("C", &["4"])];
    assert_eq!(club.ndjson(&moved).await, "0 new, 3 replaced, 0 of 3 skipped\n");
    assert_eq!(club.cards().await, "A: 2\nB: 3\nC: 4\n");
}

#[tokio::test]
async fn people_exchange_their_cards_in_a_circle() {
    let club = club();
    club.ndjson(&[with_cards("A", &["1"]), with_cards("B", &["2"]), with_cards("C", &["3"])]).await;
    let round = [with_cards("A", &["2"]), with_cards("B", &["3"]), with_cards("C", &["1"])];
    assert_eq!(club.ndjson(&round).await, "0 new, 3 replaced, 0 of 3 skipped\n");
    assert_eq!(club.cards().await, "A: 2\nB: 3\nC: 1\n");
}

#[tokio::test]
async fn an_exchange_that_needs_a_stranger_s_card_changes_nobody() {
    let club = club();
    club.ndjson(&[with_cards("A", &["1"]), with_cards("B", &["2"]), with_cards("Z", &["9"])]).await;
    let circle = [with_cards("A", &["2"]), with_cards("B", &["1", "9"])];
    expect_test::expect![[r#"
        line 1: credentials[0].value: belongs to B, who must give it up first
        line 2: credentials[0].value: belongs to A, who must give it up first; credentials[1].value: belongs to Z, who must give it up first
        0 new, 0 replaced, 2 of 2 skipped
    "#]]
    .assert_eq(&club.ndjson(&circle).await);
    assert_eq!(club.cards().await, "A: 1\nB: 2\nZ: 9\n");
}

#[tokio::test]
async fn the_last_line_of_a_person_counts() {
    let club = club();
    club.ndjson(&[with_cards("A", &["1"]), with_cards("Z", &["9"])]).await;
    let lines = [with_cards("A", &["9"]), with_cards("A", &["2"]), with_cards("Z", &["8"])];
    assert!(club.ndjson(&lines).await.ends_with("0 new, 2 replaced, 1 of 3 skipped\n"));
    assert_eq!(club.cards().await, "A: 2\nZ: 8\n");
}

#[tokio::test]
async fn who_was_erased_does_not_come_back_with_the_next_import() {
    let club = club();
    club.ndjson(&[with_cards("A", &["1"])]).await;
    let now = club.clock.now().wall;
    let erased = club
        .store
        .write("a story", move |tx| erase_person(tx, &"A".parse().unwrap(), Remote::Stays, now))
        .await
        .unwrap();
    assert!(erased.is_some());
    let again = club.ndjson(&[with_cards("A", &["1"]), with_cards("B", &["1"])]).await;
    assert_eq!(
        again,
        "line 1: external_id: this person was erased and is not taken again under this id\n\
         1 new, 0 replaced, 1 of 2 skipped\n"
    );
}

#[tokio::test]
async fn a_spreadsheet_is_imported_like_documents() {
    let club = club();
    let sheet = "external_id;first_name;last_name;credentials;membership.id;membership.kind;membership.ends_on\n\
                 M-1;Anna;Rossi;04A1|04A2;S-1;subscription;2026-12-31\n\
                 M-2;Bo;Ek;;S-2;subscription;31/12/2026\n\
                 M-3;Cy;Li;04A3;;;\n";
    let said = club.import(Format::Csv, sheet).await;
    assert!(said.starts_with("line 3: memberships[0].ends_on: "), "{said}");
    assert!(said.ends_with("2 new, 0 replaced, 1 of 3 skipped\n"), "{said}");
    assert_eq!(club.cards().await, "M-1: 04A1 04A2\nM-3: 04A3\n");
    let headless = club.import(Format::Csv, "id,name\n1,Anna\n").await;
    assert!(headless.starts_with("stopped: the header of the file: id: is no column"), "{headless}");
}

#[tokio::test]
async fn a_file_that_breaks_off_leaves_what_it_brought() {
    struct Breaking(Cursor<Vec<u8>>);
    impl std::io::Read for Breaking {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            match self.0.read(into)? {
                0 => Err(std::io::Error::other("the cable was pulled")),
                count => Ok(count),
            }
        }
    }
    let club = club();
    let lines: Vec<_> = (0..700).map(|n| named(&format!("M-{n}"), "")).collect();
    let source = std::io::BufReader::new(Breaking(Cursor::new((lines.join("\n") + "\n").into_bytes())));
    let (policy, format) = (Arc::clone(&club.policy), Format::Ndjson);
    let broken = import_people(&club.store, policy, &club.clock, format, source, |_| {}).await;
    assert_eq!(broken.unwrap_err().to_string(), "reading the file: the cable was pulled");
    let count = club.store.read("a story", |view| view.people_count()).await.unwrap();
    assert_eq!(count, 500, "whole batches before the break are kept");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_agent_writes_between_the_batches_of_another_process_s_import() {
    let club = club();
    // A second store on the same file has a writer of its own, as `varco import` beside `varco run` has.
    let beside = Store::open(&config(&club.folder), club.clock.clone()).unwrap();
    let lines: Vec<_> = (0..10_000).map(|n| with_cards(&format!("M-{n}"), &[&format!("C{n}")])).collect();
    let (policy, clock) = (Arc::clone(&club.policy), club.clock.clone());
    let source = Cursor::new(lines.join("\n").into_bytes());
    let import =
        tokio::spawn(async move { import_people(&beside, policy, &clock, Format::Ndjson, source, |_| {}).await });
    let mut written_meanwhile = 0;
    while !import.is_finished() {
        let id = format!("outcome-{written_meanwhile}").parse().unwrap();
        let outcome = Outcome { name: "x".into(), group: OutcomeGroup::Positive };
        club.store.write("a story", move |tx| tx.put_outcome(&id, &outcome)).await.unwrap();
        written_meanwhile += 1;
    }
    assert_eq!(import.await.unwrap().unwrap().created, 10_000);
    assert!(written_meanwhile >= 10, "only {written_meanwhile} writes between 20 batches");
}
