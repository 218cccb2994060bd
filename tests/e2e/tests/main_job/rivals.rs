//! Rivals at two gates: one place left, or one entry left, goes to exactly one of two badges read at the same moment.

use anyhow::{Context, Result};
use jiff::Timestamp;
use serde_json::json;
use site::broker::Message;

use crate::club::{Club, SOON, outcome, reasons};
use crate::people::{member, with_punch_card};

/// Enough for both orders of arrival, and for the gates to meet in the store.
const ROUNDS: usize = 30;

/// A club whose gym holds so many.
async fn club_with_places(places: u32) -> Result<Club> {
    let club = Club::open(|_| {}).await?;
    let settings = std::fs::read_to_string(&club.config)?;
    let limited = settings.replacen("id = \"gym\"", &format!("id = \"gym\"\ncapacity = {places}"), 1);
    std::fs::write(&club.config, limited)?;
    club.hang_up("the configuration was read again").await?;
    Ok(club)
}

/// Reads two badges at the two entries, as close together as two writes can be; what came of it.
async fn both(club: &Club, badges: [&str; 2]) -> Result<[Message; 2]> {
    let before = ["entry-1", "entry-2"].map(|reader| club.passages_told(reader));
    club.reader("entry-1").read(badges[0])?;
    club.reader("entry-2").read(badges[1])?;
    Ok([club.next_passage("entry-1", before[0]).await?, club.next_passage("entry-2", before[1]).await?])
}

#[tokio::test]
async fn the_last_place_goes_to_one_of_two() -> Result<()> {
    let club = club_with_places(1).await?;
    let badges = ["0415AB12CD", "0415AB12CE"];
    for (id, badge) in ["M-1001", "M-1002"].into_iter().zip(badges) {
        club.put(&member(id, badge)).await?;
    }
    for round in 1..=ROUNDS {
        let passages = both(&club, badges).await?;
        let winners: Vec<_> = (0..2).filter(|it| outcome(&passages[*it]) == "passed").collect();
        assert_eq!(winners.len(), 1, "round {round}: {passages:?}");
        assert_eq!(reasons(&passages[1 - winners[0]]), ["zone_full"]);
        club.badge("exit-1", badges[winners[0]]).await?;
    }
    // One entry and one exit a round, and each opened the gate anew.
    club.relay.wait_until(|board| board.opens(1) + board.opens(2) == 2 * ROUNDS, SOON).await?;
    club.close().await
}

#[tokio::test]
async fn the_last_entry_is_taken_by_one_of_two_cards() -> Result<()> {
    let club = Club::open(|_| {}).await?;
    let badges = ["0415AB12CD", "0415AB12CE"];
    let mut denied = 0;
    for round in 1..=ROUNDS {
        let mut person = with_punch_card("M-1001", badges[0], 1, &Timestamp::now().to_string());
        person["credentials"] = json!([{ "value": badges[0], "kind": "card", "status": "active" },
                                       { "value": badges[1], "kind": "wristband", "status": "active" }]);
        club.put(&person).await?;
        let passages = both(&club, badges).await?;
        // Who comes second while the first is still passing is refused; a moment later it is the same visit going on.
        let refused: Vec<_> = passages.iter().filter(|it| outcome(it) == "denied").collect();
        assert!(refused.len() < 2 && refused.iter().all(|it| reasons(it) == ["no_entries_left"]), "{passages:?}");
        denied += refused.len();
        let visits = club.visits("M-1001").await?;
        assert_eq!(visits.len(), round, "one visit a round");
        assert_eq!((&visits[0]["entries_taken"], &visits[0]["overdrawn"]), (&json!(1), &json!(false)));
        club.badge("exit-1", badges[0]).await?;
    }
    assert!(denied > 0, "the two never met in {ROUNDS} rounds");
    club.close().await
}

#[tokio::test]
async fn a_crowd_at_both_gates_never_exceeds_the_places() -> Result<()> {
    let club = club_with_places(5).await?;
    let badges: Vec<_> = (0..16).map(|number| format!("0415AB12{number:02X}")).collect();
    for (number, badge) in badges.iter().enumerate() {
        club.put(&member(&format!("M-{}", 1001 + number), badge)).await?;
    }
    let mut admitted = 0;
    for pair in badges.chunks(2) {
        let passages = both(&club, [&pair[0], &pair[1]]).await?;
        admitted += passages.iter().filter(|passage| outcome(passage) == "passed").count();
    }
    assert_eq!(admitted, 5);
    let (_, standing) = club.api.get("people/M-1001/standing").await?;
    assert_eq!(standing["occupancy"]["gym"], 5);
    club.relay.wait_until(|board| board.opens(1) + board.opens(2) == 5, SOON).await?;
    club.badge("exit-2", &badges[0]).await.context("somebody leaves")?;
    club.close().await
}
