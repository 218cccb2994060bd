//! One turn of a board: pins are set in an order that is safe, and a broken part never closes the way out.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use embedded_hal::delay::DelayNs;
use embedded_hal::i2c::{ErrorKind, ErrorType, I2c, Operation};
use embedded_hal_mock::eh1::MockError;
use embedded_hal_mock::eh1::delay::NoopDelay;
use embedded_hal_mock::eh1::digital::{Mock as Pin, State, Transaction};
use embedded_hal_mock::eh1::i2c::{Mock as Bus, Transaction as BusTransaction};
use firmware_proto::board::hd44780::{ADDRESS, Display, code};
use firmware_proto::board::{Board, Fault, Inputs, Outputs};
use firmware_proto::gate::Controller;
use firmware_proto::link::gate_end::Identity;
use firmware_proto::uptime::Uptime;

use crate::every_message::line;

/// A display that behaves as its data sheet says: halves of bytes taken when enable falls, characters put where the
/// cursor is.
struct Glass {
    half: Option<u8>,
    has_four_bits: bool,
    enable_was_on: bool,
    cursor: usize,
    memory: [char; 128],
    /// Bytes on the bus, addresses among them.
    bus_bytes: usize,
}

impl Glass {
    fn new() -> Self {
        // After power-on the memory holds anything.
        Self { half: None, has_four_bits: false, enable_was_on: false, cursor: 0, memory: ['#'; 128], bus_bytes: 0 }
    }

    fn pins(&mut self, pins: u8) {
        let falls = self.enable_was_on && pins & 0b100 == 0;
        self.enable_was_on = pins & 0b100 != 0;
        assert_eq!(pins & 0b10, 0, "nobody reads");
        if falls && self.has_four_bits {
            match self.half.take() {
                None => self.half = Some(pins & 0xF0),
                Some(high) => self.byte(high | pins >> 4, pins & 1 == 1),
            }
        } else if falls {
            self.byte(pins & 0xF0, pins & 1 == 1);
        }
    }

    fn byte(&mut self, byte: u8, is_character: bool) {
        match (is_character, byte) {
            (true, _) => {
                self.memory[self.cursor] = char::from(byte);
                self.cursor = (self.cursor + 1) % 128;
            }
            (false, 0x80..) => self.cursor = usize::from(byte & 0x7F),
            (false, 0x20..0x40) => self.has_four_bits = byte & 0x10 == 0,
            (false, 0x01) => (self.memory, self.cursor) = ([' '; 128], 0),
            (false, _) => {}
        }
    }

    fn lines(&self) -> [String; 2] {
        [0, 64].map(|start| self.memory[start..start + 16].iter().collect())
    }
}

impl ErrorType for Glass {
    type Error = ErrorKind;
}

impl I2c for Glass {
    fn transaction(&mut self, address: u8, operations: &mut [Operation<'_>]) -> Result<(), ErrorKind> {
        assert_eq!(address, ADDRESS);
        for operation in operations {
            match operation {
                Operation::Write(bytes) => {
                    self.bus_bytes += 1 + bytes.len();
                    bytes.iter().for_each(|pins| self.pins(*pins));
                }
                Operation::Read(_) => panic!("nobody reads"),
            }
        }
        Ok(())
    }
}

/// The same, to be looked at while a display writes to it.
struct Shared(Rc<RefCell<Glass>>);

impl ErrorType for Shared {
    type Error = ErrorKind;
}

impl I2c for Shared {
    fn transaction(&mut self, address: u8, operations: &mut [Operation<'_>]) -> Result<(), ErrorKind> {
        self.0.borrow_mut().transaction(address, operations)
    }
}

/// More turns than a text takes.
const TURNS: usize = 10;

/// A byte with its acknowledgement at 100 kHz.
const BUS_BYTE_US: usize = 90;

/// Half of what a turn of the loop may take.
const DISPLAY_US_MAX: usize = 5_000;

fn controller() -> Controller<32, 4> {
    Controller::new(Identity { firmware: [0, 1, 0], capabilities: 7, seed: 1 })
}

fn set(high: bool) -> Pin {
    Pin::new(&[Transaction::set(if high { State::High } else { State::Low })])
}

fn reads(high: bool) -> Pin {
    Pin::new(&[Transaction::get(if high { State::High } else { State::Low })])
}

/// Outputs that expect to be set once, the lock to this, all others low.
fn outputs(lock: bool) -> Outputs<Pin> {
    let low = || set(false);
    Outputs { relay_in: low(), relay_out: low(), lock: set(lock), green: low(), red: low(), buzzer: low() }
}

fn all_set(mut outputs: Outputs<Pin>) {
    let Outputs { relay_in, relay_out, lock, green, red, buzzer } = &mut outputs;
    [relay_in, relay_out, lock, green, red, buzzer].into_iter().for_each(Pin::done);
}

fn all_read(mut inputs: Inputs<Pin>) {
    let Inputs { a, b, tamper, emergency } = &mut inputs;
    [a, b, tamper, emergency].into_iter().for_each(Pin::done);
}

#[test]
fn at_rest_the_lock_is_powered_and_all_else_is_off() {
    let inputs = Inputs { a: reads(false), b: reads(false), tamper: reads(false), emergency: reads(false) };
    let mut board = Board::new(outputs(true), inputs, Display::new(Glass::new(), ADDRESS), NoopDelay::new());
    assert_eq!(board.turn(&mut controller(), Uptime(1)), Ok(()));
    let (outputs, inputs, glass, _) = board.release();
    all_set(outputs);
    all_read(inputs);
    assert_eq!(glass.lines(), [" ".repeat(16), " ".repeat(16)]);
}

#[test]
fn a_cut_emergency_loop_frees_the_gate_in_the_same_turn() {
    let inputs = Inputs { a: reads(false), b: reads(false), tamper: reads(false), emergency: reads(true) };
    let mut board = Board::new(outputs(false), inputs, Display::new(Glass::new(), ADDRESS), NoopDelay::new());
    assert_eq!(board.turn(&mut controller(), Uptime(1)), Ok(()));
    let (outputs, inputs, ..) = board.release();
    all_set(outputs);
    all_read(inputs);
}

#[test]
fn an_input_that_cannot_be_read_frees_the_gate() {
    let broken = Pin::new(&[Transaction::get(State::High).with_error(MockError::Io(std::io::ErrorKind::NotConnected))]);
    let inputs = Inputs { a: reads(false), b: reads(false), tamper: reads(false), emergency: broken };
    let mut board = Board::new(outputs(false), inputs, Display::new(Glass::new(), ADDRESS), NoopDelay::new());
    assert_eq!(board.turn(&mut controller(), Uptime(1)), Err(Fault::Input));
    let (outputs, inputs, ..) = board.release();
    all_set(outputs);
    all_read(inputs);
}

/// Adds up what is waited for.
struct Waited(Rc<Cell<u32>>);

impl DelayNs for Waited {
    fn delay_ns(&mut self, ns: u32) {
        self.0.set(self.0.get() + ns);
    }
}

#[test]
fn a_display_that_is_not_there_costs_the_gate_no_time_and_is_tried_again_after_half_a_minute() {
    let nobody = embedded_hal::i2c::NoAcknowledgeSource::Address;
    let missed = BusTransaction::write(ADDRESS, vec![0x08]).with_error(ErrorKind::NoAcknowledge(nobody));
    let turns =
        [(1, Err(Fault::Display)), (2, Ok(())), (30_000, Ok(())), (30_001, Err(Fault::Display)), (30_002, Ok(()))];
    let always = |high| Pin::new(&turns.map(|_| Transaction::set(high)));
    let low = || always(State::Low);
    let idle = || Pin::new(&turns.map(|_| Transaction::get(State::Low)));
    let outputs = Outputs {
        relay_in: low(),
        relay_out: low(),
        lock: always(State::High),
        green: low(),
        red: low(),
        buzzer: low(),
    };
    let inputs = Inputs { a: idle(), b: idle(), tamper: idle(), emergency: idle() };
    let display = Display::new(Bus::new(&[missed.clone(), missed]), ADDRESS);
    let waited = Rc::new(Cell::new(0));
    let mut board = Board::new(outputs, inputs, display, Waited(Rc::clone(&waited)));
    let mut controller = controller();
    for (at, expected) in turns {
        assert_eq!(board.turn(&mut controller, Uptime(at)), expected, "at {at}");
    }
    assert_eq!(waited.get(), 0);
    let (outputs, inputs, mut bus, _) = board.release();
    all_set(outputs);
    all_read(inputs);
    bus.done();
}

#[test]
fn texts_are_shown_whole_over_what_was_there_also_after_a_reset_in_the_middle_of_a_byte() {
    let mut glass = Glass::new();
    // The controller was reset between two halves; the display was not.
    [0x28 | 0b100, 0x28, 0x48 | 0b100, 0x48].into_iter().for_each(|pins| glass.pins(pins));
    let mut display = Display::new(glass, ADDRESS);
    display.set_up(&mut NoopDelay::new()).expect("the display answers");
    for (first, second, shown) in [
        ("Passa in", "segreteria", ["Passa in        ", "segreteria      "]),
        ("Ciao Zoë", "C:\\~ però ł", ["Ciao Zoe        ", "C:/- pero ?     "]),
    ] {
        for _ in 0..TURNS {
            display.show(&[line(first), line(second)]).expect("the display answers");
        }
        let glass = display.release();
        assert_eq!(glass.lines(), shown);
        display = Display::new(glass, ADDRESS);
    }
}

#[test]
fn a_text_holds_up_no_turn_and_one_that_changes_on_its_way_is_shown_whole() {
    let glass = Rc::new(RefCell::new(Glass::new()));
    let mut display = Display::new(Shared(Rc::clone(&glass)), ADDRESS);
    display.set_up(&mut NoopDelay::new()).expect("the display answers");
    let texts = [[line("Un momento"), line("per favore")], [line("Benvenuta Anna"), line("")]];
    for text in [&texts[0], &texts[0]].into_iter().chain([&texts[1]; TURNS]) {
        glass.borrow_mut().bus_bytes = 0;
        display.show(text).expect("the display answers");
        let us = glass.borrow().bus_bytes * BUS_BYTE_US;
        assert!(us <= DISPLAY_US_MAX, "the gate stands still for {us} µs");
    }
    assert_eq!(glass.borrow().bus_bytes, 0, "what is shown is not written again");
    assert_eq!(glass.borrow().lines(), ["Benvenuta Anna  ", "                "]);
}

#[test]
fn no_character_becomes_a_command_or_one_that_the_rom_lacks() {
    let codes = (0..=u32::from(char::MAX)).filter_map(char::from_u32).map(code);
    assert!(codes.into_iter().all(|code| (0x20..0x7E).contains(&code) && code != b'\\'));
}
