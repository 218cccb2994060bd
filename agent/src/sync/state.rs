//! The states of a person's integration, and what moves it from one to another.
//!
//! ```text
//!         told at last          changed, synchronize
//!   new ───────────────▶ enabled ───────────────────▶ to_update ──told──▶ enabled
//!    │ refused             ▲  │ refused                  │ refused
//!    ▼                     │  ▼                          ▼
//!  creation_failed ──told──┘ in_error ◀──────────────────┘      changed, synchronize: both to to_update
//!
//!  any of these ──suspend──▶ suspended ──enable──▶ to_update (new, if never linked)
//!  any but to_delete ──delete──▶ new; ──delete there too──▶ to_delete ──acknowledged──▶ new
//! ```

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How a person's integration stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SyncState {
    /// Nothing was told yet.
    New,
    /// Told, and up to date as far as known.
    Enabled,
    /// Something is to be told.
    ToUpdate,
    /// The first telling was refused.
    CreationFailed,
    /// A later telling was refused.
    InError,
    /// An operator stopped it: nothing is told, the link stays.
    Suspended,
    /// The person there is to be deleted, and that is not acknowledged yet.
    ToDelete,
}

impl SyncState {
    /// Every state.
    pub const ALL: [Self; 7] = [
        Self::New,
        Self::Enabled,
        Self::ToUpdate,
        Self::CreationFailed,
        Self::InError,
        Self::Suspended,
        Self::ToDelete,
    ];

    /// The stable word, as in the API and the store.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Enabled => "enabled",
            Self::ToUpdate => "to_update",
            Self::CreationFailed => "creation_failed",
            Self::InError => "in_error",
            Self::Suspended => "suspended",
            Self::ToDelete => "to_delete",
        }
    }

    /// The name that Italian front desks know it by.
    #[must_use]
    pub fn display_name(self) -> &'static str {
        match self {
            Self::New => "Nuova",
            Self::Enabled => "Abilitata",
            Self::ToUpdate => "DaAggiornare",
            Self::CreationFailed => "Creazione fallita",
            Self::InError => "InErrore",
            Self::Suspended => "Sospesa",
            Self::ToDelete => "DaEliminare",
        }
    }
}

/// What an operator can do with an integration.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Command {
    /// Tell everything anew: person, groups, membership, badge.
    Synchronize,
    /// Tell nothing; the link stays.
    Suspend,
    /// Go on after a suspension.
    Enable,
    /// Forget the link, here and at once.
    Delete,
    /// The same, and have the person deleted there.
    DeleteThere,
}

/// Whether the person is linked to somebody there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Footing {
    /// They are.
    Linked,
    /// They are not.
    Unlinked,
}

/// What happens to an integration.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Input {
    /// The person's data changed.
    Changed,
    /// Something was acknowledged, and more is on its way or was refused.
    ToldInPart,
    /// Everything was acknowledged.
    Told,
    /// There is nothing to tell: not selected, or the member said no.
    Spared,
    /// Something was refused for good.
    Refused,
    /// The deletion there was acknowledged.
    Deleted,
    /// An operator's command.
    Command(Command),
}

/// A command that does not apply.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{}", self.text())]
pub struct NotAllowed {
    /// The state that forbids it.
    pub state: SyncState,
    /// The command.
    pub command: Command,
}

impl NotAllowed {
    fn text(self) -> String {
        let state = self.state.as_str();
        match (self.state, self.command) {
            (SyncState::ToDelete, _) => {
                format!("the integration is {state}: it waits until Mywellness has deleted the person")
            }
            (SyncState::Suspended, Command::Suspend) => format!("the integration is {state} already"),
            (SyncState::Suspended, _) => format!("the integration is {state}; enable it first"),
            (_, _) => format!("the integration is {state}; only a suspended one can be enabled"),
        }
    }
}

/// The state that follows.
///
/// # Errors
/// When an operator's command does not apply in this state. Whatever else happens is no error.
pub fn on(state: SyncState, footing: Footing, input: Input) -> Result<SyncState, NotAllowed> {
    use SyncState::{CreationFailed, Enabled, InError, New, Suspended, ToDelete, ToUpdate};
    Ok(match (state, input) {
        (_, Input::Command(command)) => return commanded(state, footing, command),
        (ToDelete, Input::Deleted) => New,
        // Whatever is answered late, an operator's word stands.
        (
            Suspended | ToDelete,
            Input::Changed | Input::ToldInPart | Input::Told | Input::Spared | Input::Refused | Input::Deleted,
        ) => state,
        (New, Input::Changed) => New,
        (Enabled | ToUpdate | CreationFailed | InError, Input::Changed) => ToUpdate,
        // What was refused for good is not mended by something else that went well.
        (InError, Input::ToldInPart) => InError,
        (New | Enabled | ToUpdate | CreationFailed, Input::ToldInPart) => ToUpdate,
        (New | Enabled | ToUpdate | CreationFailed | InError, Input::Told) => Enabled,
        (New | Enabled | ToUpdate | CreationFailed | InError, Input::Spared) => match footing {
            Footing::Linked => Enabled,
            Footing::Unlinked => New,
        },
        (New | Enabled | ToUpdate | CreationFailed | InError, Input::Refused) => match footing {
            Footing::Linked => InError,
            Footing::Unlinked => CreationFailed,
        },
        (New | Enabled | ToUpdate | CreationFailed | InError, Input::Deleted) => state,
    })
}

fn commanded(state: SyncState, footing: Footing, command: Command) -> Result<SyncState, NotAllowed> {
    use SyncState::{CreationFailed, Enabled, InError, New, Suspended, ToDelete, ToUpdate};
    let refused = Err(NotAllowed { state, command });
    match (state, command) {
        (ToDelete, _) | (Suspended, Command::Synchronize | Command::Suspend) => refused,
        (New | Enabled | ToUpdate | CreationFailed | InError, Command::Synchronize) => Ok(ToUpdate),
        (New | Enabled | ToUpdate | CreationFailed | InError, Command::Suspend) => Ok(Suspended),
        (New | Enabled | ToUpdate | CreationFailed | InError, Command::Enable) => refused,
        (Suspended, Command::Enable) => Ok(match footing {
            Footing::Linked => ToUpdate,
            Footing::Unlinked => New,
        }),
        (New | Enabled | ToUpdate | CreationFailed | InError | Suspended, Command::Delete) => Ok(New),
        (New | Enabled | ToUpdate | CreationFailed | InError | Suspended, Command::DeleteThere) => Ok(match footing {
            Footing::Linked => ToDelete,
            // Nobody is known there to be deleted.
            Footing::Unlinked => New,
        }),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use proptest::prelude::*;

    use super::*;

    const INPUTS: [Input; 11] = [
        Input::Changed,
        Input::ToldInPart,
        Input::Told,
        Input::Spared,
        Input::Refused,
        Input::Deleted,
        Input::Command(Command::Synchronize),
        Input::Command(Command::Suspend),
        Input::Command(Command::Enable),
        Input::Command(Command::Delete),
        Input::Command(Command::DeleteThere),
    ];

    fn word(input: Input) -> String {
        match input {
            Input::Command(command) => format!("{command:?}"),
            other => format!("{other:?}").to_lowercase(),
        }
    }

    #[test]
    fn every_state_and_everything_that_can_happen_to_it() {
        let mut table = String::new();
        for state in SyncState::ALL {
            table += &format!("{} ({})\n", state.as_str(), state.display_name());
            for input in INPUTS {
                let next = |footing| on(state, footing, input).map_or("-", SyncState::as_str);
                let (linked, unlinked) = (next(Footing::Linked), next(Footing::Unlinked));
                let next = if linked == unlinked { linked.to_owned() } else { format!("{linked} or {unlinked}") };
                table += &format!("  {:<12} {next}\n", word(input));
            }
        }
        expect![[r#"
            new (Nuova)
              changed      new
              toldinpart   to_update
              told         enabled
              spared       enabled or new
              refused      in_error or creation_failed
              deleted      new
              Synchronize  to_update
              Suspend      suspended
              Enable       -
              Delete       new
              DeleteThere  to_delete or new
            enabled (Abilitata)
              changed      to_update
              toldinpart   to_update
              told         enabled
              spared       enabled or new
              refused      in_error or creation_failed
              deleted      enabled
              Synchronize  to_update
              Suspend      suspended
              Enable       -
              Delete       new
              DeleteThere  to_delete or new
            to_update (DaAggiornare)
              changed      to_update
              toldinpart   to_update
              told         enabled
              spared       enabled or new
              refused      in_error or creation_failed
              deleted      to_update
              Synchronize  to_update
              Suspend      suspended
              Enable       -
              Delete       new
              DeleteThere  to_delete or new
            creation_failed (Creazione fallita)
              changed      to_update
              toldinpart   to_update
              told         enabled
              spared       enabled or new
              refused      in_error or creation_failed
              deleted      creation_failed
              Synchronize  to_update
              Suspend      suspended
              Enable       -
              Delete       new
              DeleteThere  to_delete or new
            in_error (InErrore)
              changed      to_update
              toldinpart   in_error
              told         enabled
              spared       enabled or new
              refused      in_error or creation_failed
              deleted      in_error
              Synchronize  to_update
              Suspend      suspended
              Enable       -
              Delete       new
              DeleteThere  to_delete or new
            suspended (Sospesa)
              changed      suspended
              toldinpart   suspended
              told         suspended
              spared       suspended
              refused      suspended
              deleted      suspended
              Synchronize  -
              Suspend      -
              Enable       to_update or new
              Delete       new
              DeleteThere  to_delete or new
            to_delete (DaEliminare)
              changed      to_delete
              toldinpart   to_delete
              told         to_delete
              spared       to_delete
              refused      to_delete
              deleted      new
              Synchronize  -
              Suspend      -
              Enable       -
              Delete       -
              DeleteThere  -
        "#]]
        .assert_eq(&table);
    }

    #[test]
    fn a_command_that_does_not_apply_says_why() {
        let why = |state, command| on(state, Footing::Linked, Input::Command(command)).unwrap_err().to_string();
        assert_eq!(
            why(SyncState::Enabled, Command::Enable),
            "the integration is enabled; only a suspended one can be enabled"
        );
        assert_eq!(why(SyncState::Suspended, Command::Synchronize), "the integration is suspended; enable it first");
        assert_eq!(why(SyncState::Suspended, Command::Suspend), "the integration is suspended already");
        assert!(why(SyncState::ToDelete, Command::Delete).contains("waits until Mywellness has deleted the person"));
    }

    fn history() -> impl Strategy<Value = Vec<(Input, Footing)>> {
        let footing = prop_oneof![Just(Footing::Linked), Just(Footing::Unlinked)];
        proptest::collection::vec((proptest::sample::select(INPUTS.to_vec()), footing), 0..40)
    }

    proptest! {
        #[test]
        fn only_an_operator_ends_a_suspension_and_only_mywellness_a_deletion(history in history()) {
            let mut state = SyncState::New;
            for (input, footing) in history {
                let next = on(state, footing, input).unwrap_or(state);
                if state == SyncState::Suspended && next != state {
                    let ends = [Command::Enable, Command::Delete, Command::DeleteThere].map(Input::Command);
                    prop_assert!(ends.contains(&input), "{input:?}");
                }
                if state == SyncState::ToDelete && next != state {
                    prop_assert_eq!(input, Input::Deleted);
                }
                if next == SyncState::CreationFailed && next != state {
                    prop_assert_eq!((input, footing), (Input::Refused, Footing::Unlinked));
                }
                if input == Input::Told && !matches!(state, SyncState::Suspended | SyncState::ToDelete) {
                    prop_assert_eq!(next, SyncState::Enabled);
                }
                state = next;
            }
        }

        #[test]
        fn every_state_but_a_pending_deletion_leads_back_to_work(history in history()) {
            let reached = history.into_iter().fold(SyncState::New, |state, (input, footing)| {
                on(state, footing, input).unwrap_or(state)
            });
            let freed = on(reached, Footing::Linked, Input::Deleted).unwrap_or(reached);
            let freed = on(freed, Footing::Linked, Input::Command(Command::Enable)).unwrap_or(freed);
            prop_assert_eq!(on(freed, Footing::Linked, Input::Command(Command::Synchronize)), Ok(SyncState::ToUpdate));
        }
    }
}
