//! The interrupts: of the serial ports, and a tick that turns the loop when nothing else does.

use cortex_m::Peripherals;
use cortex_m::interrupt::InterruptNumber;
use cortex_m::peripheral::syst::SystClkSource;
use cortex_m::peripheral::{NVIC, SCB};
use cortex_m_rt::exception;

use crate::registers::CLOCK_HZ;
use crate::uart::{LINK, WORLD};

/// Those of the serial ports, as AN386 numbers them: something has come, something has gone.
#[derive(Clone, Copy)]
#[repr(u16)]
enum Serial {
    LinkHeard = 0,
    LinkSent = 1,
    WorldHeard = 2,
    WorldSent = 3,
}

// SAFETY: the numbers are those of the board, below its 32, and never change.
unsafe impl InterruptNumber for Serial {
    fn number(self) -> u16 {
        self as u16
    }
}

/// Starts the tick, and lets interrupts come.
pub fn start(ticks_a_second: u32) {
    // Whoever starts twice has lost its way.
    let Some(core) = Peripherals::take() else { SCB::sys_reset() };
    let mut tick = core.SYST;
    tick.set_clock_source(SystClkSource::Core);
    tick.set_reload(CLOCK_HZ / ticks_a_second - 1);
    tick.clear_current();
    tick.enable_counter();
    tick.enable_interrupt();
    for interrupt in [Serial::LinkHeard, Serial::LinkSent, Serial::WorldHeard, Serial::WorldSent] {
        // SAFETY: the handlers use nothing but buffers in critical sections, so no such section of others breaks.
        unsafe { NVIC::unmask(interrupt) };
    }
}

/// It wakes the loop; there is nothing else to do.
#[exception]
fn SysTick() {}

/// All other interrupts, by their number. Of the watchdog there is nothing to say: it resets by itself.
#[exception]
unsafe fn DefaultHandler(number: i16) {
    match number {
        0 | 1 => LINK.interrupted(),
        2 | 3 => WORLD.interrupted(),
        _ => {}
    }
}
