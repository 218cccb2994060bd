//! The sandbox among ten thousand people: as fast as among ten, and it can still be said what became of each.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::json;
use site::sandbox::{Fault, Injection, Known, Options, Work};

use crate::caller::{Caller, person};

/// Many times what it takes, and far less than it would take if each call looked at everybody.
const ENOUGH: Duration = Duration::from_secs(60);

/// Each is made, brought up to date and comes once; a caller whose connection is cut before the work tries again.
async fn come(caller: &mut Caller, people: usize) -> Result<()> {
    for number in 0..people {
        let (external_id, name) = (format!("M-{number}"), format!("Anna{number}"));
        let ids = caller.create(person(&external_id, &name)).await?["data"].take();
        let id = |field: &str| ids[field].as_str().map(str::to_owned).context("an id");
        let update = format!("core/facilityuser/{}/Update", id("facilityUserId")?);
        caller.post(&update, json!({ "groups": [12], "city": "Milano" })).await?;
        let visit = format!("core/user/{}/Visit", id("userId")?);
        let body = json!({ "token": caller.token, "visitDate": "2026-02-10 09:30:00 +01:00" });
        while caller.raw(&visit, &body).await.is_err() {}
    }
    Ok(())
}

#[tokio::test]
async fn ten_thousand_people_come_and_each_one_s_story_can_be_told() -> Result<()> {
    const PEOPLE: usize = 10_000;
    let mut caller = Caller::new(Options { groups: [(12, "Gold".into())].into(), ..Options::default() }).await?;
    caller.sandbox.inject(Injection::from(Fault::Cut { work: Work::Undone }).on("Visit").percent(5, 7));
    tokio::time::timeout(ENOUGH, come(&mut caller, PEOPLE)).await??;
    caller.sandbox.look(|book| {
        assert_eq!((book.users().len(), book.visits().len()), (PEOPLE, PEOPLE));
        assert!(book.visits_repeated().is_empty());
        let visits = book.tally("Visit");
        assert_eq!((visits.done, visits.asked), (PEOPLE as u64, visits.done + visits.nothing));
        assert!((400..700).contains(&visits.nothing), "{visits:?}");
        assert!(book.requests().len() <= 20_000, "requests are kept whole only for a while");
        let story =
            "CreateFacilityUserFromThirdParty -> Created\nUpdate city groups\nVisit 2026-02-10 09:30:00 +01:00\n";
        for number in 0..PEOPLE {
            assert_eq!(book.effects(&format!("M-{number}")), story, "M-{number}");
        }
        assert_eq!(book.all_deeds().count(), PEOPLE);
    });
    Ok(())
}

#[tokio::test]
async fn a_person_s_story_tells_what_had_no_effect_and_what_nobody_heard_of() -> Result<()> {
    let mut caller = Caller::new(Options::default()).await?;
    let known = Known {
        first_name: "Anna".into(),
        last_name: "Rossi".into(),
        birth_date: "1990-04-12".into(),
        gender: "F".into(),
        email: "anna@example.org".into(),
        external_id: None,
    };
    caller.sandbox.know([known]);
    let ids = caller.anna().await?;
    let (user, facility_user) = (ids["userId"].clone(), ids["facilityUserId"].clone());
    let (user, facility_user) = (user.as_str().context("an id")?, facility_user.as_str().context("an id")?);
    let membership = format!("core/facilityuser/{facility_user}/SaveMembership");
    caller.post(&membership, json!({ "operation": "Froze", "expiresOn": "2026-12-31" })).await?;
    caller.post(&membership, json!({ "operation": "UnSubscribe", "expiresOn": "2026-12-31" })).await?;
    let visit = format!("core/user/{user}/Visit");
    caller.post(&visit, json!({ "visitDate": "today" })).await?;
    let body = json!({ "token": caller.token, "visitDate": "2026-02-10 09:30:00 +01:00" });
    caller.sandbox.inject(Fault::Status { code: 502, work: Work::Undone }.next(1).about("M-1"));
    caller.sandbox.inject(Fault::Torn.next(1).about("M-1"));
    for _ in 0..2 {
        assert!(caller.raw(&visit, &body).await?.json::<serde_json::Value>().await.is_err());
    }
    caller.post(&format!("core/facilityuser/{facility_user}/Delete"), json!({})).await?;
    let told = [
        "CreateFacilityUserFromThirdParty -> MatchFound",
        "SaveMembership Froze 2026-12-31 -> refused: Error",
        "SaveMembership UnSubscribe 2026-12-31",
        "Visit today -> refused: visitDate",
        "Visit 2026-02-10 09:30:00 +01:00 -> nothing, 502",
        "Visit 2026-02-10 09:30:00 +01:00 (spoiled)",
        "Delete",
    ];
    caller.sandbox.look(|book| {
        let deeds: Vec<_> = book.deeds("M-1").iter().map(ToString::to_string).collect();
        assert_eq!(deeds, told);
        assert!(book.user("M-1").is_none() && book.deeds("M-2").is_empty());
        assert_eq!((book.tally("SaveMembership").refused, book.tally("SaveMembership").done), (1, 1));
    });
    Ok(())
}
