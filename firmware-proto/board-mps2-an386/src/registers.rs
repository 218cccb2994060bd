//! The board's registers that the image uses, and the only place that touches memory by its address.
//!
//! Sources: Arm application note AN386, and the technical reference manual of the Cortex-M System Design Kit.

/// The clock of the processor and of everything here.
pub const CLOCK_HZ: u32 = 25_000_000;

/// One register.
#[derive(Clone, Copy)]
struct Register(usize);

impl Register {
    fn read(self) -> u32 {
        // SAFETY: only this file makes registers, and each is an aligned word of a peripheral that is always there.
        unsafe { core::ptr::with_exposed_provenance::<u32>(self.0).read_volatile() }
    }

    fn write(self, word: u32) {
        // SAFETY: as above; and no register of this file makes the board write to the program's memory.
        unsafe { core::ptr::with_exposed_provenance_mut::<u32>(self.0).write_volatile(word) }
    }
}

/// A serial port whose registers begin at an address: one byte in each direction, and an interrupt for each.
pub struct Uart<const ADDRESS: usize>;

/// The link to the agent. Its interrupts are 0 (a byte has come) and 1 (a byte has gone).
pub const UART0: usize = 0x4000_4000;
/// The world outside. Its interrupts are 2 and 3.
pub const UART1: usize = 0x4000_5000;

const TRANSMIT_FULL: u32 = 1;
const RECEIVE_FULL: u32 = 2;
/// Both directions on, with their interrupts.
const ALL_ON: u32 = 0b1111;

impl<const ADDRESS: usize> Uart<ADDRESS> {
    const DATA: Register = Register(ADDRESS);
    const STATE: Register = Register(ADDRESS + 4);
    const CONTROL: Register = Register(ADDRESS + 8);
    const INTERRUPTS: Register = Register(ADDRESS + 12);
    const DIVIDER: Register = Register(ADDRESS + 16);

    /// Switches it on.
    pub fn start(&self, baud: u32) {
        Self::DIVIDER.write(CLOCK_HZ / baud);
        Self::CONTROL.write(ALL_ON);
    }

    /// The byte that has arrived, if one has.
    pub fn read(&self) -> Option<u8> {
        (Self::STATE.read() & RECEIVE_FULL != 0).then(|| Self::DATA.read() as u8)
    }

    /// Whether it would take a byte.
    pub fn has_room(&self) -> bool {
        Self::STATE.read() & TRANSMIT_FULL == 0
    }

    /// Sends a byte.
    pub fn write(&self, byte: u8) {
        Self::DATA.write(u32::from(byte));
    }

    /// Ends the interrupts that have been seen.
    pub fn clear_interrupts(&self) {
        Self::INTERRUPTS.write(ALL_ON);
    }
}

const TIMER_CONTROL: Register = Register(0x4000_0000);
const TIMER_VALUE: Register = Register(0x4000_0004);
const TIMER_RELOAD: Register = Register(0x4000_0008);

/// Lets the timer count down from the highest number, for ever.
pub fn start_timer() {
    TIMER_RELOAD.write(u32::MAX);
    TIMER_VALUE.write(u32::MAX);
    TIMER_CONTROL.write(1);
}

/// Ticks of [`CLOCK_HZ`] since the timer was started, from 0 again after 171 seconds.
pub fn timer() -> u32 {
    u32::MAX - TIMER_VALUE.read()
}

const WATCHDOG_LOAD: Register = Register(0x4000_8000);
const WATCHDOG_CONTROL: Register = Register(0x4000_8008);
const WATCHDOG_FEED: Register = Register(0x4000_800C);
const WATCHDOG_LOCK: Register = Register(0x4000_8C00);
/// Opens the other registers; anything else locks them, so that no program gone astray switches the watchdog off.
const UNLOCK: u32 = 0x1ACC_E551;
/// It interrupts at its first end, which changes nothing, and resets at the second.
const INTERRUPT_AND_RESET: u32 = 0b11;

/// Starts the watchdog: whoever does not feed it for twice so many ticks is reset.
pub fn start_watchdog(ticks: u32) {
    WATCHDOG_LOCK.write(UNLOCK);
    WATCHDOG_LOAD.write(ticks);
    WATCHDOG_CONTROL.write(INTERRUPT_AND_RESET);
    WATCHDOG_LOCK.write(0);
}

/// Feeds the watchdog.
pub fn feed_watchdog() {
    WATCHDOG_LOCK.write(UNLOCK);
    WATCHDOG_FEED.write(1);
    WATCHDOG_LOCK.write(0);
}
