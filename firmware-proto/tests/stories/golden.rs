//! The bytes of version 1, message by message. Controllers in the field speak them: add lines, never edit one.

use firmware_proto::frame::{Decoder, Message, Packet};
use firmware_proto::words::Session;

use crate::every_message::{from_gate, to_gate};

const TO_GATE: &str = include_str!("golden/to_gate_v1.txt");
const FROM_GATE: &str = include_str!("golden/from_gate_v1.txt");

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.chars().map(|c| c.to_digit(16).expect("hexadecimal") as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

fn check<M: Message + PartialEq + std::fmt::Debug + Clone>(messages: Vec<M>, golden: &str) {
    let session = Session(0x0A0B_0C0D);
    let lines: Vec<&str> = golden.lines().filter(|line| !line.starts_with('#')).collect();
    let written: Vec<String> = messages
        .iter()
        .map(|message| Packet { session, message: message.clone() }.to_wire().expect("it fits"))
        .map(|wire| hex(&wire))
        .collect();
    assert_eq!(written, lines, "\n{}\n", written.join("\n"));
    for (line, message) in lines.into_iter().zip(messages) {
        let mut decoder = Decoder::<M>::default();
        let heard: Vec<_> = bytes(line).into_iter().filter_map(|byte| decoder.push(byte)).collect();
        assert_eq!(heard, [Ok(Packet { session, message })]);
    }
}

#[test]
fn what_the_agent_says_has_the_bytes_it_always_had() {
    check(to_gate(), TO_GATE);
}

#[test]
fn what_a_controller_says_has_the_bytes_it_always_had() {
    check(from_gate(), FROM_GATE);
}
