//! Any bytes may arrive: nothing panics, nothing corrupted is believed, and the next frame is found.

use firmware_proto::frame::{BadFrame, Decoder, Message, Packet, Strange, Wire};
use firmware_proto::from_gate::FromGate;
use firmware_proto::to_gate::ToGate;
use firmware_proto::words::Session;
use proptest::prelude::*;

use crate::every_message::{from_gate, longest, to_gate};

const SESSION: Session = Session(0x0102_0304);

fn wire<M: Message>(message: M) -> Wire {
    Packet { session: SESSION, message }.to_wire().expect("every message fits a frame")
}

fn heard<M: Message>(bytes: &[u8]) -> Vec<Result<Packet<M>, BadFrame>> {
    let mut decoder = Decoder::default();
    bytes.iter().filter_map(|byte| decoder.push(*byte)).collect()
}

#[test]
fn every_message_arrives_as_it_was_sent() {
    for message in to_gate().into_iter().chain(longest()) {
        assert_eq!(heard(&wire(message.clone())), [Ok(Packet { session: SESSION, message })]);
    }
    for message in from_gate() {
        assert_eq!(heard(&wire(message.clone())), [Ok(Packet { session: SESSION, message })]);
    }
}

#[test]
fn a_frame_holds_no_zero_but_its_last_byte() {
    for frame in to_gate().into_iter().chain(longest()).map(wire) {
        let (last, before) = frame.split_last().expect("no frame is empty");
        assert!(*last == 0 && !before.contains(&0), "{frame:02x?}");
    }
}

#[test]
fn an_echo_is_never_taken_for_an_answer() {
    let echoes = to_gate().into_iter().flat_map(|message| heard::<FromGate>(&wire(message)));
    assert!(echoes.clone().count() == to_gate().len() && echoes.into_iter().all(|it| it == Err(BadFrame::Mark)));
}

#[test]
fn an_order_of_a_later_version_is_known_by_its_number_and_kind() {
    // The message of number 3 is an order; this one has number 300, and its kind is the 77th.
    let frame = unchecked(0x01, &[3, 0xAC, 0x02, 77, 1, 2, 3]);
    let strange = Strange { session: SESSION, variant: 3, number: 300, kind: 77 };
    assert_eq!(heard::<ToGate>(&frame), [Err(BadFrame::Strange(strange))]);
}

/// A frame around any body.
fn unchecked(mark: u8, body: &[u8]) -> Vec<u8> {
    let mut plain = [&[mark], &SESSION.0.to_le_bytes()[..], body].concat();
    let crc = crc::Crc::<u32>::new(&crc::CRC_32_ISCSI).checksum(&plain);
    plain.extend(crc.to_le_bytes());
    let mut frame = vec![0; plain.len() + 2];
    cobs::encode(&plain, &mut frame);
    frame
}

fn any_message() -> impl Strategy<Value = ToGate> {
    prop::sample::select(to_gate())
}

proptest! {
    #[test]
    fn any_bytes_are_survived_and_the_next_frame_is_found(bytes: Vec<u8>, message in any_message()) {
        let frames = heard::<ToGate>(&[&bytes, &[0][..], &wire(message.clone())].concat());
        prop_assert_eq!(frames.last(), Some(&Ok(Packet { session: SESSION, message })));
        prop_assert!(frames[..frames.len() - 1].iter().all(Result::is_err));
    }

    #[test]
    fn any_body_in_a_good_frame_is_survived(mark: u8, body in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert_eq!(heard::<ToGate>(&unchecked(mark, &body)).len(), 1);
        prop_assert_eq!(heard::<FromGate>(&unchecked(mark, &body)).len(), 1);
    }

    #[test]
    fn a_frame_with_a_changed_lost_or_added_byte_is_refused(
        message in any_message(), at: prop::sample::Index, change in 1_u8.., how in 0..3,
    ) {
        let mut frame = wire(message.clone()).to_vec();
        // The delimiter stays: without it two frames are one, which is refused as well, but is another story.
        let at = at.index(frame.len() - 1);
        match how {
            0 => frame[at] ^= change,
            1 => drop(frame.remove(at)),
            _ => frame.insert(at, change),
        }
        for accepted in heard::<ToGate>(&frame).into_iter().flatten() {
            prop_assert_eq!(accepted.message, message.clone(), "only a frame that was whole after all");
        }
    }

    #[test]
    fn two_frames_without_the_zero_between_them_are_refused(first in any_message(), second in any_message()) {
        let first = wire(first);
        let joined = [&first[..first.len() - 1], &wire(second)].concat();
        prop_assert!(heard::<ToGate>(&joined).iter().all(Result::is_err));
    }
}
