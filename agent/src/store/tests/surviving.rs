//! What was acknowledged outlives power cuts, and a file that is not a sound store of this version is refused.

use rusqlite::Connection;

use super::*;
use crate::store::back_up;

fn open(folder: &TempDir) -> Result<Store, StoreError> {
    Store::open(&config(folder), Clock::system())
}

fn why_refused(folder: &TempDir) -> String {
    open(folder).err().expect("the file is refused").to_string()
}

/// What a power cut leaves: the database file, and the write-ahead log up to some byte.
fn cut(club: &Club, wal_bytes: usize) -> TempDir {
    let image = tempfile::tempdir().expect("a folder");
    let wal = std::fs::read(club.folder.path().join("varco.db-wal")).expect("the log is there");
    std::fs::copy(club.folder.path().join("varco.db"), image.path().join("varco.db")).expect("a copy");
    std::fs::write(image.path().join("varco.db-wal"), &wal[..wal_bytes.min(wal.len())]).expect("a copy");
    image
}

#[tokio::test]
async fn whatever_byte_the_power_is_cut_at_acknowledged_passages_are_whole_and_the_rest_is_absent() {
    let club = club();
    let anna = club.put(person("M-1", "A1")).await;
    let wal = club.folder.path().join("varco.db-wal");
    let wal_bytes = || usize::try_from(std::fs::metadata(&wal).expect("the log is there").len()).expect("small");
    let mut durable_at = Vec::new();
    for minute in 10..30 {
        let way = if minute % 2 == 0 { Way::In } else { Way::Out };
        club.record(passage(anna, way, at(&format!("09:{minute}")))).await;
        durable_at.push(wal_bytes());
    }

    let whole = wal_bytes();
    for cut_at in (0..16).map(|part| durable_at[0] + (whole - durable_at[0]) * part / 16 + part).chain([whole]) {
        let acknowledged = durable_at.iter().filter(|bytes| **bytes <= cut_at).count();
        let after = Club {
            store: open(&cut(&club, cut_at)).expect("it opens"),
            folder: tempfile::tempdir().expect("unused"),
            policy: policy(),
        };
        let passages = after.number("SELECT count(*) FROM passage").await;
        assert_eq!(usize::try_from(passages), Ok(acknowledged), "cut at byte {cut_at} of {whole}");
        assert_eq!(after.number("SELECT count(*) FROM outbox WHERE kind = 'passage'").await, passages);
        assert_eq!(
            after.number("SELECT count(*) FROM outbox WHERE kind = 'visit' AND lane = 'mqtt'").await,
            (passages + 1) / 2
        );
        let inside = i64::from(passages % 2 == 1);
        assert_eq!(after.number("SELECT count(*) FROM presence").await, inside);
        assert_eq!(after.number("SELECT sum(people) FROM occupancy").await, inside);
    }
}

#[tokio::test]
async fn a_store_copied_while_it_is_written_to_opens_with_all_that_was_acknowledged() {
    let club = club();
    let store = club.store.clone();
    let writing = tokio::spawn(async move {
        for number in 0..200 {
            let id = format!("M-{number}");
            store.write("putting", move |tx| tx.put_person(&person(&id, &id), at("09:00"))).await.expect("a write");
        }
    });
    let mut images = Vec::new();
    while !writing.is_finished() {
        let acknowledged = club.read(|view| view.people_count()).await;
        images.push((acknowledged, cut(&club, usize::MAX)));
    }
    writing.await.expect("no panic");

    assert!(!images.is_empty());
    for (acknowledged, image) in images.iter().rev().take(8) {
        let after = open(image).expect("it opens");
        assert!(after.read("counting", |view| view.people_count()).await.expect("a look") >= *acknowledged);
    }
}

#[tokio::test]
async fn a_closed_store_opens_again_with_its_newest_record_told_to_the_clock() {
    let club = club();
    let anna = club.put(person("M-1", "A1")).await;
    let in_2100: Timestamp = "2100-01-01T00:00:00Z".parse().expect("a moment");
    club.record(passage(anna, Way::In, in_2100)).await;
    club.record(Passage { clock: ClockQuality::Untrusted, ..passage(anna, Way::Out, Timestamp::MAX) }).await;
    club.store.close().await;

    let clock = Clock::system();
    let again = Store::open(&config(&club.folder), clock.clone()).expect("the store opens again");

    let newest = again.read("looking", |view| view.newest_record(ClockQuality::Synced)).await;
    assert_eq!(newest.expect("a look"), Some(in_2100));
    assert_eq!(clock.now().quality, ClockQuality::Untrusted, "the wall is behind what was recorded");
}

#[tokio::test]
async fn a_store_of_a_newer_version_is_refused_by_name() {
    let club = club();
    club.store.close().await;
    let file = club.folder.path().join("varco.db");
    Connection::open(&file).expect("a file").pragma_update(None, "user_version", 99).expect("a version");

    assert!(why_refused(&club.folder).contains("a newer Varco wrote it (schema 99"), "{}", why_refused(&club.folder));
}

#[test]
fn another_programs_database_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("varco.db");
    Connection::open(&file).expect("a file").execute_batch("CREATE TABLE theirs (a)").expect("their table");
    let theirs = std::fs::read(&file).expect("a file");

    assert!(why_refused(&folder).contains("another program's database"));
    assert_eq!(std::fs::read(&file).expect("a file"), theirs);
}

#[test]
fn a_text_file_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("varco.db"), "people = []\n".repeat(200)).expect("a file");

    assert!(why_refused(&folder).contains("not a database"), "{}", why_refused(&folder));
}

#[tokio::test]
async fn a_damaged_store_is_refused_with_what_to_do() {
    let club = club();
    for number in 0..200 {
        club.put(person(&format!("M-{number}"), &format!("A{number}"))).await;
    }
    club.store.close().await;
    let file = club.folder.path().join("varco.db");
    let mut bytes = std::fs::read(&file).expect("a file");
    let middle = bytes.len() / 2;
    bytes[middle..middle + 20_000].fill(0xA5);
    std::fs::write(&file, bytes).expect("a file");

    assert!(why_refused(&club.folder).contains("put a backup in its place"), "{}", why_refused(&club.folder));
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = Config { path: folder.path().join("nowhere/varco.db"), ..config(&folder) };

    let why = Store::open(&config, Clock::system()).err().expect("it cannot open").to_string();
    assert!(why.contains("nowhere/varco.db") && why.contains("No such file"), "{why}");
}

#[tokio::test]
async fn only_its_owner_reads_the_file() {
    use std::os::unix::fs::PermissionsExt;
    let club = club();
    club.put(person("M-1", "A1")).await;
    for file in ["varco.db", "varco.db-wal"] {
        let mode = std::fs::metadata(club.folder.path().join(file)).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
}

#[tokio::test]
async fn a_backup_of_a_store_being_written_to_is_whole_and_opens() {
    let club = club();
    for number in 0..100 {
        let id = club.put(person(&format!("M-{number}"), &format!("A{number}"))).await;
        club.record(passage(id, Way::In, at("09:00"))).await;
    }
    let copy = tempfile::tempdir().expect("a folder");
    let dest = copy.path().join("varco.db");
    let source = club.folder.path().join("varco.db");
    let copying = tokio::task::spawn_blocking({
        let dest = dest.clone();
        move || back_up(&source, &dest)
    });
    for number in 100..150 {
        club.put(person(&format!("M-{number}"), &format!("A{number}"))).await;
    }

    let made = copying.await.expect("no panic").expect("a copy");

    assert!(made.people >= 100 && made.passages == 100 && made.visits == 100 && made.outbox_rows == 300);
    assert_eq!(std::fs::read_dir(copy.path()).expect("a folder").count(), 1, "one file, complete in itself");
    let opened = open(&copy).expect("a backup is a store");
    assert_eq!(opened.read("counting", |view| view.people_count()).await.expect("a look"), made.people);
    let again = back_up(&club.folder.path().join("varco.db"), &dest).expect_err("it is not overwritten").to_string();
    assert!(again.contains("it is there already"), "{again}");
}

#[test]
fn a_backup_of_nothing_leaves_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    back_up(&folder.path().join("none.db"), &folder.path().join("copy.db")).expect_err("there is no store");
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 0);
}
