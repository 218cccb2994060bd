//! The gate controller on a Cortex-M4: QEMU's mps2-an386, with a serial port for its link to the agent, and another for
//! the world outside.
//!
//! It compiles for that processor and runs in QEMU against the real agent. It has never run on silicon: no edge of a real
//! pin was timed, no cable driven.

#![no_std]
#![no_main]
#![deny(unsafe_code)]

#[allow(unsafe_code, reason = "registers are memory at fixed addresses")]
mod registers;
#[allow(unsafe_code, reason = "what a reset does not clear is no variable to the compiler")]
mod resets;
mod time;
mod uart;
#[allow(unsafe_code, reason = "which interrupts there are is this board's to promise")]
mod interrupts;
mod world;

use core::cell::Cell;

use cortex_m::peripheral::SCB;
use cortex_m_rt::entry;
use firmware_proto::board::Board;
use firmware_proto::board::hd44780::{ADDRESS, Display};
use firmware_proto::from_gate::capability::{DISPLAY, LIST, ROTATION};
use firmware_proto::gate::Controller;
use firmware_proto::link::gate_end::Identity;

use self::time::{Clock, Delay};
use self::uart::{LINK, WORLD};
use self::world::{Bus, World};

/// As the link's README has it.
const BAUD: u32 = 115_200;

/// How often the loop turns when nothing happens.
const TURNS_A_SECOND: u32 = 1_000;

/// Places for events: a gate's busy hour. Credentials: the members of a club.
type Gate = Controller<256, 1024>;

#[entry]
fn main() -> ! {
    // In its place among the statics, so that the linker counts it.
    let Some(controller) = cortex_m::singleton!(: Gate = Controller::new(identity())) else { SCB::sys_reset() };
    let levels = [const { Cell::new(false) }; 4];
    let mut clock = Clock::start();
    LINK.start(BAUD);
    WORLD.start(BAUD);
    interrupts::start(TURNS_A_SECOND);
    let mut world = World::new(&levels);
    let mut board = Board::new(world::outputs(), world::inputs(&levels), Display::new(Bus, ADDRESS), Delay);
    loop {
        let now = clock.turn();
        while let Some(byte) = LINK.read() {
            controller.byte(byte, now);
        }
        world.turn(controller, now);
        // A part that does not answer keeps nobody waiting; what the others are for has been done.
        let _ = board.turn(controller, now);
        // One frame at a time: what is true now is said now, and not what was when a buffer began to fill.
        if LINK.is_idle()
            && let Some(frame) = controller.transmit(now)
        {
            LINK.write(&frame);
            continue;
        }
        sleep();
    }
}

/// Sleeps until the next interrupt, unless there has been one that the loop has not looked at.
fn sleep() {
    cortex_m::interrupt::free(|_| {
        if LINK.is_quiet() {
            // It wakes up although interrupts are masked; they are served behind this.
            cortex_m::asm::wfi();
        }
    });
}

fn identity() -> Identity {
    let number = |digits| u8::from_str_radix(digits, 10).unwrap_or(0);
    let firmware = [
        number(env!("CARGO_PKG_VERSION_MAJOR")),
        number(env!("CARGO_PKG_VERSION_MINOR")),
        number(env!("CARGO_PKG_VERSION_PATCH")),
    ];
    Identity { firmware, capabilities: DISPLAY | ROTATION | LIST, seed: resets::counted() }
}
