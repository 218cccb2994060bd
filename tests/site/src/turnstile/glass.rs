//! The display at a turnstile: it takes what the controller writes on its bus and shows what a member would read.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use embedded_hal::i2c::{ErrorKind, ErrorType, I2c, NoAcknowledgeSource, Operation};
use firmware_proto::board::hd44780::ADDRESS;

use super::pins::wait;

/// A byte with its acknowledgement at the 100 kHz of a PCF8574.
const BYTE_TIME: Duration = Duration::from_micros(90);

/// Where the second line begins in the display's memory.
const SECOND_LINE: usize = 64;

/// An HD44780 of two lines behind a PCF8574: halves of bytes are taken when enable falls, characters put where the
/// cursor is.
#[derive(Debug)]
pub(crate) struct Glass {
    half: Option<u8>,
    has_four_bits: bool,
    enable_was_on: bool,
    cursor: usize,
    memory: [u8; 128],
}

impl Glass {
    /// A display that has just got its power: it waits for eight bits and shows nothing.
    pub(crate) fn new() -> Self {
        Self { half: None, has_four_bits: false, enable_was_on: false, cursor: 0, memory: [b' '; 128] }
    }

    /// Both lines as they are read, without the spaces behind them.
    pub(crate) fn lines(&self) -> [String; 2] {
        [0, SECOND_LINE].map(|start| {
            let line = &self.memory[start..start + 16];
            line.iter().map(|code| char::from(*code)).collect::<String>().trim_end().to_owned()
        })
    }

    pub(crate) fn pins(&mut self, pins: u8) {
        let falls = self.enable_was_on && pins & 0b100 == 0;
        self.enable_was_on = pins & 0b100 != 0;
        if !falls {
            return;
        }
        let is_character = pins & 1 == 1;
        if !self.has_four_bits {
            return self.byte(pins & 0xF0, is_character);
        }
        match self.half.take() {
            None => self.half = Some(pins & 0xF0),
            Some(high) => self.byte(high | pins >> 4, is_character),
        }
    }

    fn byte(&mut self, byte: u8, is_character: bool) {
        match (is_character, byte) {
            (true, _) => {
                self.memory[self.cursor] = byte;
                self.cursor = (self.cursor + 1) % self.memory.len();
            }
            (false, 0x80..) => self.cursor = usize::from(byte & 0x7F),
            (false, 0x20..0x40) => self.has_four_bits = byte & 0x10 == 0,
            (false, 0x01) => (self.memory, self.cursor) = ([b' '; 128], 0),
            (false, _) => {}
        }
    }
}

/// The bus between the controller and its display, at the speed it has.
#[derive(Debug)]
pub(super) struct Bus(pub(super) Rc<RefCell<Glass>>);

impl ErrorType for Bus {
    type Error = ErrorKind;
}

impl I2c for Bus {
    fn transaction(&mut self, address: u8, operations: &mut [Operation<'_>]) -> Result<(), ErrorKind> {
        if address != ADDRESS {
            return Err(ErrorKind::NoAcknowledge(NoAcknowledgeSource::Address));
        }
        for operation in operations {
            // The backpack's read/write pin is tied to write: there is nothing to be read.
            let Operation::Write(bytes) = operation else { return Err(ErrorKind::Other) };
            bytes.iter().for_each(|pins| self.0.borrow_mut().pins(*pins));
            wait(BYTE_TIME * (1 + bytes.len() as u32));
        }
        Ok(())
    }
}
