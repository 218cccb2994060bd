//! The wires of a controller: pins that the world outside can see and move, and delays that take their time.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

use embedded_hal::delay::DelayNs;
use embedded_hal::digital::{ErrorType, InputPin, OutputPin};
use firmware_proto::board::{Inputs, Outputs};

use super::glass::{Bus, Glass};
use super::truth::Output;

/// One wire: since when it is high, if it is. Its clones are the same wire.
#[derive(Debug, Clone, Default)]
pub(super) struct Pin(Rc<Cell<Option<Instant>>>);

impl Pin {
    /// Moves it.
    pub(super) fn put(&self, high: bool) {
        let since = if high { self.0.get().or_else(|| Some(Instant::now())) } else { None };
        self.0.set(since);
    }

    /// Whether it is high.
    pub(super) fn is_on(&self) -> bool {
        self.0.get().is_some()
    }
}

impl ErrorType for Pin {
    type Error = Infallible;
}

impl OutputPin for Pin {
    fn set_low(&mut self) -> Result<(), Infallible> {
        self.put(false);
        Ok(())
    }

    fn set_high(&mut self) -> Result<(), Infallible> {
        self.put(true);
        Ok(())
    }
}

impl InputPin for Pin {
    fn is_high(&mut self) -> Result<bool, Infallible> {
        Ok(self.is_on())
    }

    fn is_low(&mut self) -> Result<bool, Infallible> {
        Ok(!self.is_on())
    }
}

/// Everything that is wired to the board, whatever becomes of the board.
#[derive(Debug)]
pub(super) struct Wiring {
    outputs: [Pin; Output::ALL.len()],
    /// The barrier's contacts and the two loops.
    pub(super) a: Pin,
    pub(super) b: Pin,
    pub(super) tamper: Pin,
    pub(super) emergency: Pin,
    pub(super) glass: Rc<RefCell<Glass>>,
}

impl Wiring {
    /// A turnstile at rest, without power.
    pub(super) fn new() -> Self {
        Self {
            outputs: Default::default(),
            a: Pin::default(),
            b: Pin::default(),
            tamper: Pin::default(),
            emergency: Pin::default(),
            glass: Rc::new(RefCell::new(Glass::new())),
        }
    }

    /// The board's ends of the outputs.
    pub(super) fn outputs(&self) -> Outputs<Pin> {
        let pin = |output| self.outputs[output as usize].clone();
        Outputs {
            relay_in: pin(Output::RelayIn),
            relay_out: pin(Output::RelayOut),
            lock: pin(Output::Lock),
            green: pin(Output::Green),
            red: pin(Output::Red),
            buzzer: pin(Output::Buzzer),
        }
    }

    /// The board's ends of the inputs.
    pub(super) fn inputs(&self) -> Inputs<Pin> {
        let [a, b, tamper, emergency] = [&self.a, &self.b, &self.tamper, &self.emergency].map(Clone::clone);
        Inputs { a, b, tamper, emergency }
    }

    /// The board's end of the display's bus.
    pub(super) fn bus(&self) -> Bus {
        Bus(Rc::clone(&self.glass))
    }

    /// Since when an output is on, if it is.
    pub(super) fn on_since(&self, output: Output) -> Option<Instant> {
        self.outputs[output as usize].0.get()
    }

    /// Whether an output is on.
    pub(super) fn is_on(&self, output: Output) -> bool {
        self.outputs[output as usize].is_on()
    }

    /// The power goes: relays fall off, the lock opens, the display is dark.
    pub(super) fn lose_power(&self) {
        self.outputs.iter().for_each(|pin| pin.put(false));
        *self.glass.borrow_mut() = Glass::new();
    }
}

/// The delays of the board, in which it does nothing else.
#[derive(Debug)]
pub(super) struct Delay;

impl DelayNs for Delay {
    fn delay_ns(&mut self, ns: u32) {
        wait(Duration::from_nanos(ns.into()));
    }
}

/// Time passes for the hardware.
pub(super) fn wait(time: Duration) {
    let until = Instant::now() + time;
    while let Some(rest) = until.checked_duration_since(Instant::now()).filter(|rest| !rest.is_zero()) {
        thread::park_timeout(rest);
    }
}
