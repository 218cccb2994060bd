//! A turnstile with its controller: the firmware's own logic on simulated pins, a cable to the agent, and people.
//!
//! The barrier is simple: a pulse of a relay lets one person through that way, whenever they go; without its lock it
//! turns freely; and who pushes hard enough gets through all the same. [`Truth`] says what physically happened.
//! Bytes cross the cable at the speed of a pty, not at 115,200 baud.

mod board;
mod card;
mod glass;
mod people;
mod pins;
mod truth;
mod weather;

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::sync::watch;

pub use card::{bits, swapped};
pub use firmware_proto::gate::REPEAT_MS;
pub(crate) use glass::Glass;
pub use truth::{Because, Output, Presented, Rotation, Screen, Switch, Truth, Way};
pub use weather::Weather;

use self::people::{Doings, Power};
use crate::pty::SerialLine;
use crate::world;

/// How long one of the four steps through a barrier takes somebody who is in no hurry.
pub const STRIDE: Duration = Duration::from_millis(75);

/// How long one takes somebody who runs.
pub const RUNNING_STRIDE: Duration = Duration::from_millis(15);

/// Longer than a busy machine takes to send the bits of a badge, and to take the steps of somebody who runs.
const BITS_SENT_WITHIN: Duration = Duration::from_secs(10);
const STEPS_TAKEN_WITHIN: Duration = Duration::from_secs(30);

/// What became of somebody with a badge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Went {
    /// The gate opened so long after the last bit of the badge, and they are through.
    Through(Duration),
    /// The gate stayed shut.
    Nowhere,
}

/// A turnstile.
#[derive(Debug)]
pub struct Turnstile {
    line: Arc<SerialLine>,
    doings: Arc<Mutex<Doings>>,
    truth: Arc<watch::Sender<Truth>>,
    board: Option<JoinHandle<()>>,
}

impl Turnstile {
    /// A turnstile with power whose cable is reached through a symlink `name` in `folder`.
    pub fn plugged_in(folder: &Path, name: &str) -> Result<Self> {
        let line = Arc::new(SerialLine::plugged_in(folder, name)?);
        let doings = Arc::new(Mutex::new(Doings::new()));
        let truth = Arc::new(watch::Sender::new(Truth::default()));
        let parts = (Arc::clone(&line), Arc::clone(&doings), Arc::clone(&truth));
        let run = move || board::run(&parts.0, &parts.1, &parts.2);
        let board = thread::Builder::new().name(name.to_owned()).spawn(run).context("starting a board")?;
        Ok(Self { line, doings, truth, board: Some(board) })
    }

    /// The stable path to put into the agent's configuration.
    pub fn path(&self) -> &Path {
        self.line.path()
    }

    /// The cable, for [`SerialLine::forget_session`], [`SerialLine::unplug`] and [`SerialLine::plug_in`]. The board has a
    /// power supply of its own and goes on without.
    pub fn cable(&self) -> &SerialLine {
        &self.line
    }

    /// Somebody holds a badge to the reader on this input, 0 or 1.
    pub fn present(&self, reader: usize, badge: &str) -> Result<()> {
        let bits = bits(badge)?;
        self.doings().send(reader, &bits, badge);
        Ok(())
    }

    /// The same at a reader whose wires changed places.
    pub fn present_swapped(&self, reader: usize, badge: &str) -> Result<()> {
        let bits = swapped(&bits(badge)?);
        self.doings().send(reader, &bits, badge);
        Ok(())
    }

    /// Somebody goes through, whether they may or not; `badge` is the one that opened for them, if one did.
    pub fn walk(&self, way: Way, badge: Option<&str>) {
        self.doings().walk(way, badge, STRIDE);
    }

    /// The same, fast.
    pub fn run(&self, way: Way, badge: Option<&str>) {
        self.doings().walk(way, badge, RUNNING_STRIDE);
    }

    /// Somebody begins to go through and turns back half way.
    pub fn turn_back(&self, way: Way) {
        self.doings().turn_back(way, STRIDE);
    }

    /// Somebody stands in the barrier for so long, and turns back.
    pub fn stand_between(&self, way: Way, time: Duration) {
        self.doings().stand_between(way, time, STRIDE);
    }

    /// Somebody opens or closes the housing.
    pub fn open_housing(&self, is_open: bool) {
        self.doings().state.tamper = is_open;
    }

    /// Somebody presses the emergency button, or pulls it out again.
    pub fn press_emergency(&self, is_pressed: bool) {
        self.doings().state.emergency = is_pressed;
    }

    /// What the cable does to bytes from now on, both ways.
    pub fn weather(&self, weather: Weather) {
        self.doings().state.weather = weather;
    }

    /// The agent receives bytes that no board sent.
    pub fn disturb(&self, bytes: &[u8]) {
        self.doings().disturb(bytes);
    }

    /// The board's power fails for a moment.
    pub fn reset(&self) {
        self.doings().state.resets += 1;
    }

    /// The board's power fails, until [`Turnstile::power_on`].
    pub fn power_off(&self) {
        self.doings().state.power = Power::Off;
    }

    /// The board has its power again, or goes on after [`Turnstile::freeze`].
    pub fn power_on(&self) {
        self.doings().state.power = Power::On;
    }

    /// The board's loop stands still, until [`Turnstile::power_on`].
    pub fn freeze(&self) {
        self.doings().state.power = Power::Frozen;
    }

    /// A member holds a badge to the reader of this way and waits for the gate, at most so long. Answers how long after the
    /// last bit it opened. One member at a time: the first input leads in, the second out.
    pub async fn ask(&self, way: Way, badge: &str, patience: Duration) -> Result<Option<Duration>> {
        let (reader, relay) = (way as usize, Output::relay(way));
        let (opened, shown) = self.look(|truth| (truth.times_on(relay), truth.presented.len()));
        self.present(reader, badge)?;
        // The bits take their time; patience begins when all are sent.
        self.wait_until(|truth| truth.presented.len() > shown, BITS_SENT_WITHIN).await?;
        let read = Instant::now();
        if self.wait_until(|truth| truth.times_on(relay) > opened, patience).await.is_err() {
            return Ok(None);
        }
        let on = self.look(|truth| truth.last_on(relay)).context("the relay went on")?;
        Ok(Some(on.saturating_duration_since(read)))
    }

    /// The same, and goes through quickly if it opens.
    pub async fn pass(&self, way: Way, badge: &str, patience: Duration) -> Result<Went> {
        let gone = self.look(|truth| truth.rotations.len());
        let Some(after) = self.ask(way, badge, patience).await? else { return Ok(Went::Nowhere) };
        self.run(way, Some(badge));
        self.wait_until(|truth| truth.rotations.len() > gone, STEPS_TAKEN_WITHIN).await?;
        Ok(Went::Through(after))
    }

    /// Looks at the book without copying it.
    pub fn look<T>(&self, question: impl FnOnce(&Truth) -> T) -> T {
        question(&self.truth.borrow())
    }

    /// Waits until something holds of the book.
    pub async fn wait_until(&self, wanted: impl FnMut(&Truth) -> bool, within: Duration) -> Result<()> {
        world::wait_for(self.truth.subscribe(), wanted, within, |truth| format!("the turnstile saw {truth:?}")).await
    }

    fn doings(&self) -> MutexGuard<'_, Doings> {
        self.doings.lock().expect("nothing panics while it holds what people do")
    }
}

impl Drop for Turnstile {
    fn drop(&mut self) {
        self.doings().state.is_dismantled = true;
        if let Some(board) = self.board.take() {
            // A board that panicked has said so already, and the test fails by what it then did not do.
            let _ = board.join();
        }
    }
}
