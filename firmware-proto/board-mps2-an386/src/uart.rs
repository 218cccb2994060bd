//! Serial ports that lose nothing: interrupts move bytes between them and two buffers, whatever the loop is doing.

use core::cell::RefCell;

use cortex_m::interrupt::{Mutex, free};
use heapless::Deque;

use crate::registers::{UART0, UART1, Uart};

/// Bytes that come while the loop sets up its display, which is the longest it ever takes: 90 ms at 115,200 baud.
const HEARD_MAX: usize = 1_100;

/// Bytes that wait to be sent: the two lines of a display, as the world outside is told of them.
const SENT_MAX: usize = 1_024;

/// The link to the agent.
pub static LINK: Port<UART0> = Port::new();

/// The world outside.
pub static WORLD: Port<UART1> = Port::new();

/// A serial port at an address, and what waits on either side of it. It holds nothing but empty buffers, so that it costs
/// RAM and no flash.
pub struct Port<const ADDRESS: usize> {
    uart: Uart<ADDRESS>,
    heard: Mutex<RefCell<Deque<u8, HEARD_MAX>>>,
    to_send: Mutex<RefCell<Deque<u8, SENT_MAX>>>,
}

impl<const ADDRESS: usize> Port<ADDRESS> {
    const fn new() -> Self {
        Self {
            uart: Uart,
            heard: Mutex::new(RefCell::new(Deque::new())),
            to_send: Mutex::new(RefCell::new(Deque::new())),
        }
    }

    /// Switches it on.
    pub fn start(&self, baud: u32) {
        self.uart.start(baud);
    }

    /// The next byte that was heard.
    pub fn read(&self) -> Option<u8> {
        free(|cs| self.heard.borrow(cs).borrow_mut().pop_front())
    }

    /// Nothing heard waits to be read.
    pub fn is_quiet(&self) -> bool {
        free(|cs| self.heard.borrow(cs).borrow().is_empty())
    }

    /// Everything has been sent.
    pub fn is_idle(&self) -> bool {
        free(|cs| self.to_send.borrow(cs).borrow().is_empty())
    }

    /// Sends bytes; waits only while too many wait already.
    pub fn write(&self, bytes: &[u8]) {
        for byte in bytes {
            while free(|cs| self.to_send.borrow(cs).borrow_mut().push_back(*byte)).is_err() {
                self.send();
            }
        }
        self.send();
    }

    /// What its interrupts call for.
    pub fn interrupted(&self) {
        self.uart.clear_interrupts();
        free(|cs| {
            let mut heard = self.heard.borrow(cs).borrow_mut();
            while let Some(byte) = self.uart.read() {
                // Without room it is lost, its frame fails the CRC, and what was in it is sent again.
                let _ = heard.push_back(byte);
            }
        });
        self.send();
    }

    fn send(&self) {
        free(|cs| {
            let mut to_send = self.to_send.borrow(cs).borrow_mut();
            while self.uart.has_room()
                && let Some(byte) = to_send.pop_front()
            {
                self.uart.write(byte);
            }
        });
    }
}
