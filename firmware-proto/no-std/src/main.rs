//! A controller in a program without std: it answers a question, and the exit code says so.

#![no_std]
#![no_main]

use core::panic::PanicInfo;

use firmware_proto::frame::{Decoder, Packet};
use firmware_proto::from_gate::FromGate;
use firmware_proto::gate::Controller;
use firmware_proto::link::gate_end::Identity;
use firmware_proto::to_gate::ToGate;
use firmware_proto::uptime::Uptime;
use firmware_proto::words::Session;

#[panic_handler]
fn panicked(_: &PanicInfo<'_>) -> ! {
    loop {}
}

/// What the C library's own start calls.
#[unsafe(no_mangle)]
pub extern "C" fn main() -> i32 {
    match answers() {
        Some(()) => 0,
        None => 1,
    }
}

fn answers() -> Option<()> {
    let mut controller = Controller::<64, 64>::new(Identity { firmware: [0, 1, 0], capabilities: 7, seed: 1 });
    let question = Packet { session: Session(1), message: ToGate::Ask { min: 1, current: 1 } };
    let now = Uptime(1);
    question.to_wire().ok()?.into_iter().for_each(|byte| controller.byte(byte, now));
    controller.tick(now);
    let mut decoder = Decoder::<FromGate>::default();
    let answer = controller.transmit(now)?.into_iter().find_map(|byte| decoder.push(byte))?.ok()?;
    matches!(answer.message, FromGate::Hello(_)).then_some(())
}
