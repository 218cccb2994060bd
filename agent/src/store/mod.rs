//! The disk remembers: the only SQL, one writer thread with group commit, and read connections on their own threads.
//!
//! | file | what |
//! |---|---|
//! | `engine` | [`Store`]: reads and writes handed to the threads that own the connections |
//! | `queue` `writer` `readers` | those threads, and the bounded queues before them |
//! | `open` `schema` `ballast` `health` `sole` | the file: checked, migrated, guarded against a full disk and a second agent |
//! | `transaction` `columns` `page` `error` | what every statement is written with |
//! | `standing` `people` `crm` `classes` `attendance` `recording` `late` `history` | what the gates and the desk know and write |
//! | `outbox` `receipts` `notes` `answers` `links` `erasure` | what waits for upstreams, and what is forgotten |
//! | `integration` `sync_plan` `sync_commands` `sync_lists` | how people stand with Mywellness |
//! | `modes` `tokens` `backup` | what operators set, and the copy they keep |
//! | `alarms` `visitors` | of gates: what somebody should look at, their controllers' boots, who is likely to come |

mod alarms;
mod answers;
mod attendance;
mod backup;
mod ballast;
mod classes;
mod columns;
mod config;
mod crm;
mod data_first;
mod deletions;
mod engine;
mod erasure;
mod error;
mod facts;
mod finding;
mod health;
mod history;
mod integration;
mod late;
mod links;
mod modes;
mod notes;
mod open;
mod outbox;
mod page;
mod people;
mod queue;
mod readers;
mod receipts;
mod recording;
mod schema;
mod sole;
mod standing;
mod sync_commands;
mod sync_lists;
mod sync_plan;
#[cfg(test)]
mod tests;
mod tokens;
mod transaction;
mod visitors;
mod writer;

pub use alarms::AlarmFilter;
pub use answers::{AnswerKept, CommandKey};
pub use attendance::{AttendanceEntry, Tick, Ticked, Withdrawn};
pub use backup::{BackedUp, back_up};
pub use classes::{BookingEntry, ClassEntry, ClassFilter};
pub use config::{Config, Retention};
pub use deletions::DeletionOrdered;
pub use engine::Store;
pub use error::StoreError;
pub use health::StoreState;
pub use history::{DeliveryNote, EventPassage, HistoryFilter, PassageEntry, VisitEntry};
pub use links::{Link, LinkSaved, NameThere};
pub use notes::{NOTES_MAX, Note, NoteWaiting, Noted};
pub use page::{PAGE_ITEMS_MAX, Page};
pub use people::{Claim, StoredPerson};
pub use receipts::Patience;
pub use recording::Recorded;
pub use sole::SoleAgent;
pub use sync_commands::{HeldVisits, MatchRefused, SyncRefused};
pub use sync_lists::{Comparison, SyncCounts, SyncDetails, SyncEntry, SyncEvent, SyncFilter};
pub use sync_plan::Planned;
pub use tokens::{Role, TokenEntry};
pub use transaction::{Tx, View};
pub use visitors::Likely;
