//! Any messages, in good frames, at both ends of the link: no number and no order of them breaks an end, and the
//! controller's relays keep their bound.
//!
//! The input is cut into messages of up to 40 bytes. Random bytes never have a right CRC, so each gets one here.

#![no_main]

use firmware_proto::frame::{Decoder, Message, Packet};
use firmware_proto::from_gate::FromGate;
use firmware_proto::gate::Controller;
use firmware_proto::gate::lane::RELAY_ON_MS_MAX;
use firmware_proto::link::gate_end::Identity;
use firmware_proto::link::host_end::{Fresh, HostEnd};
use firmware_proto::to_gate::ToGate;
use firmware_proto::uptime::Uptime;
use firmware_proto::wiegand::Wire;
use libfuzzer_sys::fuzz_target;

/// Messages of a session are believed, so most have the right one; the nonce of this seed's first question is known.
fn framed<M: Message>(body: &[u8]) -> Option<Packet<M>> {
    let (session, body) = body.split_first()?;
    let mut plain = vec![M::MARK, *session % 4, 0, 0, 0];
    plain.extend(body);
    plain.extend(crc::Crc::<u32>::new(&crc::CRC_32_ISCSI).checksum(&plain).to_le_bytes());
    let mut wire = vec![0; plain.len() + 3];
    let written = cobs::encode(&plain, &mut wire);
    let mut decoder = Decoder::<M>::default();
    wire[..=written].iter().find_map(|byte| decoder.push(*byte))?.ok()
}

fuzz_target!(|bytes: &[u8]| {
    let identity = Identity { firmware: [0; 3], capabilities: 0, seed: 0 };
    let mut controller = Controller::<20, 4>::new(identity);
    let mut host = HostEnd::new(Fresh { session: 0, boot: 1 }, None, Uptime(0));
    let (mut now, mut on_for) = (Uptime(0), 0);
    for message in bytes.chunks(40) {
        for _ in 0..message[0] {
            now = now.after(1);
            controller.tick(now);
            on_for = if controller.outputs(now).relay_in { on_for + 1 } else { 0 };
            assert!(on_for <= RELAY_ON_MS_MAX);
        }
        if let Some(wire) = framed::<ToGate>(&message[1..]).and_then(|packet| packet.to_wire().ok()) {
            wire.into_iter().for_each(|byte| controller.byte(byte, now));
        }
        if let Some(packet) = framed::<FromGate>(&message[1..]) {
            let _ = host.receive(packet, now);
        }
        (0..26).for_each(|_| controller.pulse(usize::from(message[0] & 1), Wire::D0, now));
        let _ = host.tick(now);
        while let Some(wire) = controller.transmit(now) {
            let mut decoder = Decoder::<FromGate>::default();
            for packet in wire.into_iter().filter_map(|byte| decoder.push(byte)).flatten() {
                let _ = host.receive(packet, now);
            }
        }
        while let Some(packet) = host.transmit(now) {
            packet.to_wire().expect("it fits").into_iter().for_each(|byte| controller.byte(byte, now));
        }
    }
});
