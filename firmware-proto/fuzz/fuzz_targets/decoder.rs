//! Any bytes at the decoders of both directions: what they accept is a message that can be sent again as it is.

#![no_main]

use firmware_proto::frame::{Decoder, Message, Packet};
use firmware_proto::from_gate::FromGate;
use firmware_proto::to_gate::ToGate;
use libfuzzer_sys::fuzz_target;

fn any<M: Message + PartialEq + std::fmt::Debug>(bytes: &[u8]) {
    let mut decoder = Decoder::<M>::default();
    for packet in bytes.iter().filter_map(|byte| decoder.push(*byte)).flatten() {
        let wire = packet.to_wire().expect("what came in a frame fits one");
        let mut again = Decoder::<M>::default();
        let heard: Vec<Packet<M>> = wire.into_iter().filter_map(|byte| again.push(byte)).flatten().collect();
        assert_eq!(heard, [packet]);
    }
}

fuzz_target!(|bytes: &[u8]| {
    any::<ToGate>(bytes);
    any::<FromGate>(bytes);
});
