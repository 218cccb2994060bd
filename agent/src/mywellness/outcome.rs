//! What a failed call means for its row and for the session: only what certainly had no effect is simply tried again.

use super::answer::Failure;
use super::client::CallError;
use crate::domain::{FactKind, OutboxRow, RowOutcome};

/// Times that a visit may stand there before no further try is made: the second is for an answer that was lost on the way,
/// the third for one more; after that Mywellness is rather at it than away.
pub(super) const POSSIBLE_EFFECTS_MAX: u32 = 3;
/// Failures of a mark, over some three hours, before it needs a person.
const MARK_FAILURES_MAX: u32 = 8;

/// What may be done again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Call {
    /// Twice is the same as once: a person's data, a membership.
    Repeatable,
    /// Twice is two: a visit, a new person.
    Once(Before),
    /// A question asked before an uncertain one is told again.
    Probe,
}

/// What is known of earlier tries of a row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Before {
    /// None had an effect.
    Untold,
    /// An answer was lost: it may have had one.
    InDoubt,
}

/// What becomes of the row.
pub(super) fn of(error: &CallError, call: Call) -> RowOutcome {
    let why = error.to_string();
    let CallError::Call { failure, .. } = error else { return not_done(why, call) };
    match failure {
        _ if call == Call::Probe => not_done(why, call),
        Failure::NotSent(_)
        | Failure::Throttled { .. }
        | Failure::TokenRefused
        | Failure::WebPage(_)
        | Failure::NotTrusted(_)
        | Failure::Suspended(_) => not_done(why, call),
        Failure::NoSuchAction if call == Call::Repeatable => RowOutcome::Failed(why),
        Failure::NoSuchAction => not_done(why, call),
        Failure::Lost(_) | Failure::Silent(_) | Failure::ServerFailed(_) => RowOutcome::Failed(why),
        // The answers will not become clearer, while every further try may be one more effect there.
        Failure::Garbled(_) if call == Call::Once(Before::InDoubt) => RowOutcome::Never(why),
        Failure::Garbled(_) => RowOutcome::Failed(why),
        Failure::Refused(_) => RowOutcome::Never(why),
    }
}

/// Whether Mywellness does what it is asked at other rows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Others {
    /// It did, not long ago.
    GoWell,
    /// It did not.
    Unknown,
}

/// Says enough to a row that failed too often: a visit may stand there as often, and a mark is in the way of others, if
/// those go well. A deletion is asked for as long as it takes.
pub(super) fn enough(row: &OutboxRow, outcome: RowOutcome, others: Others) -> RowOutcome {
    let RowOutcome::Failed(why) = outcome else { return outcome };
    let failures = row.failures + 1;
    if is_told_once(row) && failures >= POSSIBLE_EFFECTS_MAX {
        return RowOutcome::Never(too_many_effects(failures, &why));
    }
    if row.body.is_empty() && failures >= MARK_FAILURES_MAX && others == Others::GoWell {
        return RowOutcome::Never(format!("{why}; it failed {failures} times while others went well"));
    }
    RowOutcome::Failed(why)
}

/// Whether telling the row twice is two there.
pub(super) fn is_told_once(row: &OutboxRow) -> bool {
    !row.body.is_empty() && row.kind != FactKind::Erasure
}

/// Why a visit is not sent once more.
pub(super) fn too_many_effects(tries: u32, why: &str) -> String {
    format!(
        "it was sent {tries} times without an answer that says it was taken, and may stand at Mywellness as often: {why}"
    )
}

/// What a failed call says of the next one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Foretold {
    /// Nothing: it was this row's own failure.
    Nothing,
    /// It may have been this row's own failure; several in a row are not.
    Perhaps,
    /// It would fare the same: the lane should back off rather than try it.
    TheSame,
}

/// What a failed call says of the next one.
pub(super) fn foretold(error: &CallError) -> Foretold {
    let CallError::Call { failure, .. } = error else { return Foretold::TheSame };
    match failure {
        Failure::NoSuchAction | Failure::Refused(_) => Foretold::Nothing,
        Failure::Lost(_) | Failure::ServerFailed(_) | Failure::Garbled(_) => Foretold::Perhaps,
        Failure::NotSent(_)
        | Failure::Silent(_)
        | Failure::Throttled { .. }
        | Failure::TokenRefused
        | Failure::WebPage(_)
        | Failure::NotTrusted(_)
        | Failure::Suspended(_) => Foretold::TheSame,
    }
}

/// This try had no effect; what an earlier one left in doubt stays so.
fn not_done(why: String, call: Call) -> RowOutcome {
    match call {
        Call::Probe | Call::Once(Before::InDoubt) => RowOutcome::Unsure(why),
        Call::Repeatable | Call::Once(Before::Untold) => RowOutcome::Later(why),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use expect_test::expect;

    use super::*;

    #[test]
    fn a_row_is_tried_again_parked_or_in_doubt_by_what_is_known_of_the_effect() {
        let failures = [
            Failure::NotSent("connection refused".into()),
            Failure::Throttled { status: 429, retry_after: None },
            Failure::TokenRefused,
            Failure::WebPage(200),
            Failure::NoSuchAction,
            Failure::NotTrusted("x".into()),
            Failure::Suspended("x".into()),
            Failure::Lost("reset".into()),
            Failure::Silent(Duration::from_secs(30)),
            Failure::ServerFailed(500),
            Failure::Garbled("x"),
            Failure::Refused("x".into()),
        ];
        let mut table = String::from("failure: repeatable, once, once in doubt, before that, of the next\n");
        let mut tell = |name: String, error: CallError| {
            let word = |call| format!("{:?}", of(&error, call)).split('(').next().unwrap_or_default().to_owned();
            let calls =
                [Call::Repeatable, Call::Once(Before::Untold), Call::Once(Before::InDoubt), Call::Probe].map(word);
            table += &format!("{name}: {}, {:?}\n", calls.join(", "), foretold(&error));
        };
        for failure in failures {
            let name = format!("{failure:?}").split(['(', ' ']).next().unwrap_or_default().to_owned();
            tell(name, CallError::Call { action: "visit", failure });
        }
        tell("login lost".into(), CallError::LogIn(Failure::Lost("reset".into())));
        expect![[r#"
            failure: repeatable, once, once in doubt, before that, of the next
            NotSent: Later, Later, Unsure, Unsure, TheSame
            Throttled: Later, Later, Unsure, Unsure, TheSame
            TokenRefused: Later, Later, Unsure, Unsure, TheSame
            WebPage: Later, Later, Unsure, Unsure, TheSame
            NoSuchAction: Failed, Later, Unsure, Unsure, Nothing
            NotTrusted: Later, Later, Unsure, Unsure, TheSame
            Suspended: Later, Later, Unsure, Unsure, TheSame
            Lost: Failed, Failed, Failed, Unsure, Perhaps
            Silent: Failed, Failed, Failed, Unsure, TheSame
            ServerFailed: Failed, Failed, Failed, Unsure, Perhaps
            Garbled: Failed, Failed, Never, Unsure, Perhaps
            Refused: Never, Never, Never, Unsure, Nothing
            login lost: Later, Later, Unsure, Unsure, TheSame
        "#]]
        .assert_eq(&table);
    }

    #[test]
    fn enough_is_said_to_visits_by_what_may_stand_there_and_to_marks_by_how_others_fare() {
        let row = |kind, body: &str, failures| OutboxRow {
            id: crate::domain::RowId(1),
            lane: "mywellness".parse().unwrap(),
            kind,
            key: "M-1".into(),
            person: None,
            state: crate::domain::RowState::Pending,
            attempts: 0,
            failures,
            body: body.into(),
        };
        let is_enough = |row: &OutboxRow, others| {
            matches!(enough(row, RowOutcome::Failed("status 500".into()), others), RowOutcome::Never(_))
        };
        for (kind, body, others, most) in [
            (FactKind::Visit, "{}", Others::Unknown, Some(POSSIBLE_EFFECTS_MAX)),
            (FactKind::Membership, "", Others::GoWell, Some(MARK_FAILURES_MAX)),
            (FactKind::Membership, "", Others::Unknown, None),
            (FactKind::Erasure, "{}", Others::GoWell, None),
        ] {
            let tries = (1..100).find(|tries| is_enough(&row(kind, body, tries - 1), others));
            assert_eq!(tries, most, "{kind:?}, others {others:?}");
        }
        let later = RowOutcome::Later("status 429".into());
        assert_eq!(enough(&row(FactKind::Visit, "{}", 99), later.clone(), Others::GoWell), later);
    }
}
