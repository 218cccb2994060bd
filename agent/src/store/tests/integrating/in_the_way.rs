//! Stories about what is in the way of telling people, and what becomes of the others meanwhile.

use super::*;

#[tokio::test]
async fn whoever_mywellness_keeps_failing_at_is_set_aside_for_others_and_still_shown() {
    let club = club();
    let one_at_a_time =
        async || club.write(|tx| tx.plan_due(&name(LANE), (1, 1), &rules(), &noon(TODAY))).await.looked_at;
    club.put(anna()).await;
    club.put(Person { external_id: name("M-2"), credentials: Vec::new(), ..anna() }).await;
    assert_eq!((one_at_a_time().await, one_at_a_time().await), (1, 0));
    let failed = || RowOutcome::Failed("status 500".to_owned());
    club.answer(FactKind::Person, failed(), None).await;
    assert_eq!(one_at_a_time().await, 0, "the first may be an accident");
    club.answer(FactKind::Person, failed(), None).await;
    assert_eq!(club.state().await, (SyncState::New, Some(Cause::Failing)));
    assert_eq!((one_at_a_time().await, club.marks().await.len()), (1, 2));
    let counts = club.read(|view| view.sync_counts(at("10:00"))).await;
    assert_eq!((counts.remaining, counts.causes), (2, vec![(Cause::Failing, 1)]));
    assert_eq!(counts.put_off, [("status 500".to_owned(), 1)]);
    club.write(|tx| tx.plan_anew()).await;
    assert_eq!((one_at_a_time().await, one_at_a_time().await), (1, 1), "the first is set aside again");
    club.answer(FactKind::Person, RowOutcome::Delivered, None).await;
    assert_eq!((club.state().await, club.remaining().await), ((SyncState::Enabled, None), 1));
}

#[tokio::test]
async fn what_the_rules_refused_is_looked_at_again_when_they_are_others() {
    let club = club();
    let differing = async |rules: Rules, occasion| {
        club.read(move |view| view.differing_people(PersonId(0), 9, (&rules, occasion), &noon(TODAY))).await.1
    };
    let id = club.put(Person { email: None, ..anna() }).await;
    club.plan().await;
    assert_eq!(differing(rules(), Occasion::Night).await, [], "nothing is mended");
    let lenient = || Rules { email_required: false, ..rules() };
    assert_eq!(differing(lenient(), Occasion::Night).await, [id]);
    club.write(move |tx| tx.make_due(&[id])).await;
    club.plan_by(lenient()).await;
    assert_eq!(club.marks().await, [FactKind::Person]);

    club.answer(FactKind::Person, RowOutcome::Never("refused: gender".to_owned()), None).await;
    assert_eq!(differing(lenient(), Occasion::Night).await, [], "it would be refused again");
    assert_eq!(differing(rules(), Occasion::OtherRules).await, [], "who is incomplete by these does not go");
    assert_eq!(differing(lenient(), Occasion::OtherRules).await, [id]);
}

#[tokio::test]
async fn one_refused_kind_keeps_no_other_from_being_compared() {
    let club = club();
    let id = club.enabled().await;
    let frozen = json!([{"id": "gold", "kind": "subscription", "gives_membership": true,
        "frozen": {"from": "2026-12-24"}, "auto_renew": true}]);
    let memberships = serde_json::from_value(frozen).expect("a membership");
    club.put(Person { groups: vec!["Gold".to_owned()], memberships, ..anna() }).await;
    club.plan().await;
    club.answer(FactKind::Groups, RowOutcome::Never("refused: groups".to_owned()), None).await;
    assert_eq!(club.state().await, (SyncState::InError, Some(Cause::Refused)));
    let differing = async |today: Date| {
        let rules = (rules(), Occasion::Night);
        club.read(move |view| view.differing_people(PersonId(0), 9, (&rules.0, rules.1), &noon(today))).await.1
    };
    assert_eq!(differing(TODAY).await, []);
    assert_eq!(differing(date(2026, 12, 24)).await, [id], "the freeze is told though the groups were refused");
}
