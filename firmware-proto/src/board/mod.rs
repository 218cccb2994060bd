//! A controller on any board: the pins, the bus and the waits that embedded-hal names, and one turn of its loop.
//!
//! A board has four duties of its own: to call [`Board::turn`] at least every 10 ms, to report the edges of the Wiegand
//! wires from its interrupts, to move the bytes of its serial port, and to run a watchdog that is fed once a turn. When
//! the loop stands still the watchdog's reset makes all pins inputs, and with them relays fall off and the lock opens.

pub mod hd44780;

use embedded_hal::delay::DelayNs;
use embedded_hal::digital::{InputPin, OutputPin};
use embedded_hal::i2c::I2c;

use self::hd44780::Display;
use crate::gate::{Contacts, Controller};
use crate::uptime::Uptime;

/// The outputs, all active high. HALs give pins of one type when their number is erased.
#[derive(Debug)]
pub struct Outputs<O> {
    /// Lets one person in.
    pub relay_in: O,
    /// Lets one person out.
    pub relay_out: O,
    /// Powers the lock: low, and without power, the gate is free.
    pub lock: O,
    /// The green light.
    pub green: O,
    /// The red light.
    pub red: O,
    /// The buzzer.
    pub buzzer: O,
}

/// The inputs. The contacts of the barrier are active high; tamper and emergency are loops that are closed, and read
/// low, while all is well: a cut cable is an alarm.
#[derive(Debug)]
pub struct Inputs<I> {
    /// The barrier's outer contact.
    pub a: I,
    /// Its inner contact.
    pub b: I,
    /// The loop through the housing.
    pub tamper: I,
    /// The loop through the emergency buttons and the fire panel.
    pub emergency: I,
}

/// Something of the board did not answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// An output pin.
    Output,
    /// An input pin.
    Input,
    /// The display. The gate goes on without.
    Display,
}

/// How often a display that does not answer is tried again. One that does is set up, which takes a tenth of a second in
/// which the gate does nothing else.
const DISPLAY_TRIED_MS: u32 = 30_000;

/// The board.
#[derive(Debug)]
pub struct Board<O, I, I2C, D> {
    outputs: Outputs<O>,
    inputs: Inputs<I>,
    display: Display<I2C>,
    delay: D,
    /// When the display is tried again; `None` while it works.
    display_tried_at: Option<Uptime>,
}

impl<O: OutputPin, I: InputPin, I2C: I2c, D: DelayNs> Board<O, I, I2C, D> {
    /// A board whose display is set up in the first turn.
    pub fn new(outputs: Outputs<O>, inputs: Inputs<I>, display: Display<I2C>, delay: D) -> Self {
        Self { outputs, inputs, display, delay, display_tried_at: Some(Uptime(0)) }
    }

    /// One turn: what the contacts read, what time brings, and what the outputs are then to be. The display comes last,
    /// since it is slow and may be missing.
    ///
    /// # Errors
    /// When a part of the board does not answer; everything else has been done.
    pub fn turn<const R: usize, const L: usize>(
        &mut self,
        controller: &mut Controller<R, L>,
        now: Uptime,
    ) -> Result<(), Fault> {
        let contacts = self.contacts();
        controller.contacts(contacts.unwrap_or(UNREADABLE), now);
        controller.tick(now);
        let outputs = controller.outputs(now);
        let lights = outputs.lights;
        let set = [
            set(&mut self.outputs.lock, outputs.lock),
            set(&mut self.outputs.relay_in, outputs.relay_in),
            set(&mut self.outputs.relay_out, outputs.relay_out),
            set(&mut self.outputs.green, lights.green),
            set(&mut self.outputs.red, lights.red),
            set(&mut self.outputs.buzzer, lights.buzzer),
        ];
        let shown = self.show(outputs.lines, now);
        let set: Result<(), Fault> = set.into_iter().collect();
        contacts.map(drop).and(set).and(shown)
    }

    /// Gives the parts back.
    pub fn release(self) -> (Outputs<O>, Inputs<I>, I2C, D) {
        (self.outputs, self.inputs, self.display.release(), self.delay)
    }

    fn contacts(&mut self) -> Result<Contacts, Fault> {
        Ok(Contacts {
            a: read(&mut self.inputs.a)?,
            b: read(&mut self.inputs.b)?,
            tamper: read(&mut self.inputs.tamper)?,
            emergency: read(&mut self.inputs.emergency)?,
        })
    }

    fn show(&mut self, lines: &[crate::words::Line; 2], now: Uptime) -> Result<(), Fault> {
        let tried = match self.display_tried_at {
            Some(at) if now < at => return Ok(()),
            Some(_) => self.display.set_up(&mut self.delay).and_then(|()| self.display.show(lines)),
            None => self.display.show(lines),
        };
        self.display_tried_at = tried.is_err().then(|| now.after(DISPLAY_TRIED_MS));
        tried.map_err(|_| Fault::Display)
    }
}

/// Inputs that cannot be read might hide an emergency: the gate is free.
const UNREADABLE: Contacts = Contacts { a: false, b: false, tamper: true, emergency: true };

fn read(pin: &mut impl InputPin) -> Result<bool, Fault> {
    pin.is_high().map_err(|_| Fault::Input)
}

fn set(pin: &mut impl OutputPin, on: bool) -> Result<(), Fault> {
    if on { pin.set_high() } else { pin.set_low() }.map_err(|_| Fault::Output)
}
