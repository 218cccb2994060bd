//! A display of two lines with sixteen characters: HD44780 behind a PCF8574, the usual backpack on I²C.
//!
//! The backpack's eight pins are data 7 to 4, backlight, enable, read/write, register select, from the highest bit. A
//! byte is sent as two halves, each taken when enable falls; at the 100 kHz of a PCF8574 each byte on the bus lasts
//! longer than any wait the display asks for, but for the two named here.

use embedded_hal::delay::DelayNs;
use embedded_hal::i2c::I2c;

use crate::words::{LINE_CHARS, Line};

/// The backpack's address with all its bridges open.
pub const ADDRESS: u8 = 0x27;

const BACKLIGHT: u8 = 0b1000;
const ENABLE: u8 = 0b0100;
const CHARACTER: u8 = 0b0001;
const COMMAND: u8 = 0;

/// The commands that put the cursor where each line begins in the display's memory.
const LINE_STARTS: [u8; 2] = [0x80, 0x80 + 0x40];

/// Bytes of a text written in one turn. Each is five on the bus and takes 0.45 ms at 100 kHz; a whole text would hold up
/// the gate for 15 ms, and a barrier in a hurry turns faster than that.
const BYTES_A_TURN: usize = 8;

/// Four bits, two lines, on, cleared, writing to the right.
const SET_UP: [u8; 4] = [0x28, 0x0C, 0x01, 0x06];

/// After power-on, and after clearing: the display is busy and cannot be asked, since its answer pin is not used.
const POWER_ON_MS: u32 = 50;
const CLEAR_MS: u32 = 2;

/// The display.
#[derive(Debug)]
pub struct Display<I2C> {
    i2c: I2C,
    address: u8,
    /// What is written, or being written.
    shown: Option<[Line; 2]>,
    /// Bytes of it that have been.
    written: usize,
}

impl<I2C: I2c> Display<I2C> {
    /// A display that has not been set up.
    pub fn new(i2c: I2C, address: u8) -> Self {
        Self { i2c, address, shown: None, written: 0 }
    }

    /// Sets it up, whatever state a reset of the controller alone has left it in.
    ///
    /// # Errors
    /// Of the bus.
    pub fn set_up(&mut self, delay: &mut impl DelayNs) -> Result<(), I2C::Error> {
        self.shown = None;
        // Nobody is waited for who is not there.
        self.i2c.write(self.address, &[BACKLIGHT])?;
        delay.delay_ms(POWER_ON_MS);
        // Three times eight bits, so that a display that waits for a second half gets it; then four.
        for half in [0x30, 0x30, 0x30, 0x20] {
            self.half(half, COMMAND)?;
            delay.delay_ms(CLEAR_MS * 3);
        }
        for command in SET_UP {
            self.byte(command, COMMAND)?;
            delay.delay_ms(CLEAR_MS);
        }
        Ok(())
    }

    /// Shows both lines, if they are not shown already: a part of them each time, until they stand there. After an error
    /// they are written again from the start.
    ///
    /// # Errors
    /// Of the bus.
    pub fn show(&mut self, lines: &[Line; 2]) -> Result<(), I2C::Error> {
        if self.shown.as_ref() != Some(lines) {
            self.shown = Some(lines.clone());
            self.written = 0;
        }
        for (byte, register) in bytes(lines).skip(self.written).take(BYTES_A_TURN) {
            if let Err(error) = self.byte(byte, register) {
                self.shown = None;
                return Err(error);
            }
            self.written += 1;
        }
        Ok(())
    }

    /// Gives the bus back.
    pub fn release(self) -> I2C {
        self.i2c
    }

    fn byte(&mut self, byte: u8, register: u8) -> Result<(), I2C::Error> {
        let (high, low) = (byte & 0xF0 | register | BACKLIGHT, byte << 4 | register | BACKLIGHT);
        self.i2c.write(self.address, &[high | ENABLE, high, low | ENABLE, low])
    }

    fn half(&mut self, high: u8, register: u8) -> Result<(), I2C::Error> {
        let pins = high | register | BACKLIGHT;
        self.i2c.write(self.address, &[pins | ENABLE, pins])
    }
}

/// Everything that is written to show a text, each byte with its register.
fn bytes(lines: &[Line; 2]) -> impl Iterator<Item = (u8, u8)> {
    LINE_STARTS.into_iter().zip(lines).flat_map(|(start, line)| {
        let codes = line.chars().map(code).chain(core::iter::repeat(b' ')).take(LINE_CHARS);
        core::iter::once((start, COMMAND)).chain(codes.map(|code| (code, CHARACTER)))
    })
}

/// The code that every ROM of this display shows as this character, or as near to it as they have. The common ROM A00
/// has a yen sign for the backslash and an arrow for the tilde. Texts come fitted; this is for whoever sends others.
#[must_use]
pub fn code(character: char) -> u8 {
    match character {
        '\\' => b'/',
        '~' => b'-',
        'à' | 'á' | 'â' | 'ä' | 'å' => b'a',
        'è' | 'é' | 'ê' | 'ë' => b'e',
        'ì' | 'í' | 'î' | 'ï' => b'i',
        'ò' | 'ó' | 'ô' | 'ö' => b'o',
        'ù' | 'ú' | 'û' | 'ü' => b'u',
        'À' | 'Á' | 'Ä' | 'Å' => b'A',
        'È' | 'É' => b'E',
        'Ö' | 'Ò' => b'O',
        'Ü' | 'Ù' => b'U',
        'ç' => b'c',
        'ñ' => b'n',
        // Control codes would move the cursor or show characters that nobody defined.
        ' '..='}' => u8::try_from(character).unwrap_or(b'?'),
        _ => b'?',
    }
}
