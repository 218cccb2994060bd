//! What a failed call means for its row and for the session: only what certainly had no effect is simply tried again.

use super::answer::Failure;
use super::client::CallError;
use crate::domain::RowOutcome;

/// What may be done again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Call {
    /// Twice is the same as once: a person's data, a membership.
    Repeatable,
    /// Twice is two: a visit, a new person.
    Once(Before),
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
        Failure::NotSent(_)
        | Failure::Throttled { .. }
        | Failure::TokenRefused
        | Failure::WebPage(_)
        | Failure::NoSuchAction
        | Failure::NotTrusted(_)
        | Failure::Suspended(_) => not_done(why, call),
        Failure::Lost(_) | Failure::Silent(_) | Failure::ServerFailed(_) => match call {
            Call::Repeatable => RowOutcome::Later(why),
            Call::Once(_) => RowOutcome::Unsure(why),
        },
        Failure::Garbled(_) => match call {
            Call::Repeatable => RowOutcome::Later(why),
            Call::Once(Before::Untold) => RowOutcome::Unsure(why),
            // The answers will not become clearer, while every further try may be one more effect there.
            Call::Once(Before::InDoubt) => RowOutcome::Never(why),
        },
        Failure::Refused(_) => RowOutcome::Never(why),
    }
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
        Call::Once(Before::InDoubt) => RowOutcome::Unsure(why),
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
        let mut table = String::from("failure: repeatable, once, once in doubt, of the next\n");
        let mut tell = |name: String, error: CallError| {
            let word = |call| format!("{:?}", of(&error, call)).split('(').next().unwrap_or_default().to_owned();
            let calls = [Call::Repeatable, Call::Once(Before::Untold), Call::Once(Before::InDoubt)].map(word);
            table += &format!("{name}: {}, {:?}\n", calls.join(", "), foretold(&error));
        };
        for failure in failures {
            let name = format!("{failure:?}").split(['(', ' ']).next().unwrap_or_default().to_owned();
            tell(name, CallError::Call { action: "visit", failure });
        }
        tell("login lost".into(), CallError::LogIn(Failure::Lost("reset".into())));
        expect![[r#"
            failure: repeatable, once, once in doubt, of the next
            NotSent: Later, Later, Unsure, TheSame
            Throttled: Later, Later, Unsure, TheSame
            TokenRefused: Later, Later, Unsure, TheSame
            WebPage: Later, Later, Unsure, TheSame
            NoSuchAction: Later, Later, Unsure, Nothing
            NotTrusted: Later, Later, Unsure, TheSame
            Suspended: Later, Later, Unsure, TheSame
            Lost: Later, Unsure, Unsure, Perhaps
            Silent: Later, Unsure, Unsure, TheSame
            ServerFailed: Later, Unsure, Unsure, Perhaps
            Garbled: Later, Unsure, Never, Perhaps
            Refused: Never, Never, Never, Nothing
            login lost: Later, Later, Unsure, TheSame
        "#]]
        .assert_eq(&table);
    }
}
