//! Resets: whatever goes wrong ends in one, and no two look alike to the agent.

use core::panic::PanicInfo;

use cortex_m::peripheral::SCB;
use cortex_m_rt::{ExceptionFrame, exception};

/// Resets since power-on, counted from whatever the memory held then. The start of the program leaves it alone.
#[unsafe(link_section = ".uninit.resets")]
static mut RESETS: core::mem::MaybeUninit<u32> = core::mem::MaybeUninit::uninit();

/// Counts a reset: a number that the reset before did not have. Memory starts with noise at power-on; in QEMU with zeros.
pub fn counted() -> u32 {
    let place = (&raw mut RESETS).cast::<u32>();
    // SAFETY: the word is aligned, in RAM that is there, and of no meaning to anybody else; interrupts do not use it. What
    // it holds was not written by this run of the program, hence volatile: any bits are a number.
    unsafe {
        let resets = place.read_volatile().wrapping_add(1);
        place.write_volatile(resets);
        resets
    }
}

/// Relays fall off and the lock opens with the pins' reset; what a gate does next it does knowing nothing.
#[panic_handler]
fn panicked(_: &PanicInfo<'_>) -> ! {
    SCB::sys_reset()
}

/// A fault is no better than a panic.
#[exception]
unsafe fn HardFault(_: &ExceptionFrame) -> ! {
    SCB::sys_reset()
}
