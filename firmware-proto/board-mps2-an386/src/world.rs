//! The world outside, for QEMU has no pins: what a real board has wires for comes and goes as lines of text on the
//! second serial port.
//!
//! ```text
//! in   a 1                an input reads high: a, b, tamper, emergency
//!      reader0 01101…     pulses of a reader, each on D0 or D1; also reader1
//!      wait 20            nothing else happens for so many milliseconds of the board's own time
//!      hang               the loop stands still
//! out  lock 1             an output changes: relay_in, relay_out, lock, green, red, buzzer
//!      i2c 27 3c38        bytes written to an address of the bus
//!      started            after each reset
//! ```

use core::cell::Cell;
use core::convert::Infallible;
use core::fmt::Write;

use embedded_hal::digital::{self, InputPin, OutputPin};
use embedded_hal::i2c::{self, I2c, Operation, SevenBitAddress};
use firmware_proto::board::{Inputs, Outputs};
use firmware_proto::gate::Controller;
use firmware_proto::uptime::Uptime;
use firmware_proto::wiegand::Wire;
use heapless::String;

use crate::uart::WORLD;

/// The longest line: 64 bits of a reader, and what is written to a display in one go.
const LINE_MAX: usize = 80;

/// What happens outside, line by line.
pub struct World<'a> {
    levels: &'a [Cell<bool>; 4],
    line: String<LINE_MAX>,
    waits_until: Uptime,
}

impl<'a> World<'a> {
    /// Tells it that the board has started.
    pub fn new(levels: &'a [Cell<bool>; 4]) -> Self {
        WORLD.write(b"started\n");
        Self { levels, line: String::new(), waits_until: Uptime(0) }
    }

    /// Lets happen what is due.
    pub fn turn<const R: usize, const L: usize>(&mut self, controller: &mut Controller<R, L>, now: Uptime) {
        while now >= self.waits_until
            && let Some(byte) = WORLD.read()
        {
            if byte != b'\n' {
                // No line is longer; of one that is, the rest is nothing.
                let _ = self.line.push(char::from(byte));
                continue;
            }
            let line = core::mem::take(&mut self.line);
            let (what, how) = line.split_once(' ').unwrap_or((&line, ""));
            match what {
                "a" => self.levels[0].set(how == "1"),
                "b" => self.levels[1].set(how == "1"),
                "tamper" => self.levels[2].set(how == "1"),
                "emergency" => self.levels[3].set(how == "1"),
                "reader0" => pulses(controller, 0, how, now),
                "reader1" => pulses(controller, 1, how, now),
                "wait" => self.waits_until = now.after(how.parse().unwrap_or(0)),
                "hang" => loop {
                    core::hint::spin_loop();
                },
                _ => {}
            }
        }
    }
}

fn pulses<const R: usize, const L: usize>(controller: &mut Controller<R, L>, reader: usize, bits: &str, now: Uptime) {
    for bit in bits.bytes() {
        controller.pulse(reader, if bit == b'1' { Wire::D1 } else { Wire::D0 }, now);
    }
}

/// The inputs at these levels: barrier, housing, emergency.
pub fn inputs([a, b, tamper, emergency]: &[Cell<bool>; 4]) -> Inputs<Input<'_>> {
    Inputs { a: Input(a), b: Input(b), tamper: Input(tamper), emergency: Input(emergency) }
}

/// The outputs, all off.
pub fn outputs() -> Outputs<Output> {
    let output = |name| Output { name, is_on: false };
    Outputs {
        relay_in: output("relay_in"),
        relay_out: output("relay_out"),
        lock: output("lock"),
        green: output("green"),
        red: output("red"),
        buzzer: output("buzzer"),
    }
}

/// A pin that somebody outside sets.
pub struct Input<'a>(&'a Cell<bool>);

impl digital::ErrorType for Input<'_> {
    type Error = Infallible;
}

impl InputPin for Input<'_> {
    fn is_high(&mut self) -> Result<bool, Infallible> {
        Ok(self.0.get())
    }

    fn is_low(&mut self) -> Result<bool, Infallible> {
        Ok(!self.0.get())
    }
}

/// A pin that somebody outside sees.
pub struct Output {
    name: &'static str,
    is_on: bool,
}

impl Output {
    fn set(&mut self, on: bool) -> Result<(), Infallible> {
        if on != self.is_on {
            self.is_on = on;
            tell(format_args!("{} {}\n", self.name, u8::from(on)));
        }
        Ok(())
    }
}

impl digital::ErrorType for Output {
    type Error = Infallible;
}

impl OutputPin for Output {
    fn set_low(&mut self) -> Result<(), Infallible> {
        self.set(false)
    }

    fn set_high(&mut self) -> Result<(), Infallible> {
        self.set(true)
    }
}

/// A bus on which everybody is there and listens.
pub struct Bus;

impl i2c::ErrorType for Bus {
    type Error = Infallible;
}

impl I2c for Bus {
    fn transaction(&mut self, address: SevenBitAddress, operations: &mut [Operation<'_>]) -> Result<(), Infallible> {
        for operation in operations {
            match operation {
                Operation::Write(bytes) => {
                    tell(format_args!("i2c {address:02x} "));
                    bytes.iter().for_each(|byte| tell(format_args!("{byte:02x}")));
                    WORLD.write(b"\n");
                }
                Operation::Read(bytes) => bytes.fill(0),
            }
        }
        Ok(())
    }
}

fn tell(what: core::fmt::Arguments<'_>) {
    struct ToWorld;
    impl Write for ToWorld {
        fn write_str(&mut self, text: &str) -> core::fmt::Result {
            WORLD.write(text.as_bytes());
            Ok(())
        }
    }
    // Writing to the port cannot fail.
    let _ = ToWorld.write_fmt(what);
}
