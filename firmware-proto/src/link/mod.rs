//! The link between an agent and a controller: two machines without IO, and the timings they share.
//!
//! ```text
//!     agent                                              controller
//!       │  Ask  ──────────────────────────────────────────▶ │   a new session; the old one goes on until the welcome
//!       │ ◀──────────────────────── Hello{nonce, boot?}     │
//!       │  Welcome{nonce, boot}  ─────────────────────────▶ │   the session is this one; events start at the oldest
//!       │ ◀────────────────────────────────── Beat          │
//!       │  Order 1, Order 2 …  ───────────────────────────▶ │   in order, each taken once
//!       │ ◀────────────────────── Beat{taken}, Event 7 …    │   in order, each delivered once
//!       │  Beat{heard, kept}  ────────────────────────────▶ │   heard: not sent again; kept: forgotten
//! ```
//!
//! Whoever hears nothing new sends again from the oldest thing unheard, in order. Orders belong to their session: what
//! was not taken when it ends is never sent again, since a grant must not open for somebody who has left. Events
//! belong to the controller's boot and survive any number of sessions and agents.

pub mod ring;
pub mod gate_end;
pub mod host_end;

/// The agent beats this often when it has nothing else to say, and each beat is answered.
pub const BEAT_MS: u32 = 250;

/// After so long without a frame of the session the other end is silent: six beats, so that one disturbed second of a
/// long cable is not an outage, and a member before a dead gate is told so while still standing there.
pub const SILENT_MS: u32 = 1500;

/// What was not acknowledged in this time is sent again. Four answers fit in it at 115,200 baud.
pub const RESEND_MS: u32 = 100;

/// The agent asks again after so long without an answer.
pub const ASK_MS: u32 = 250;

/// Most events, and most orders, under way without an acknowledgement: they fill a UART for no longer than
/// [`RESEND_MS`].
pub const WINDOW: u32 = 8;

const _: () = assert!(RESEND_MS < BEAT_MS && BEAT_MS * 4 < SILENT_MS);
