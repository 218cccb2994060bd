//! Published frames, hostile bytes, and what no cutting into reads may change.

use proptest::prelude::*;

use super::*;
use crate::domain::{BadgeForm, BadgeOrder};

/// forum.arduino.cc/t/251993
const FOB: &[u8] = b"\x02010063E9AE25\x03";
const FOB_NUMBER: [u8; 5] = [0x01, 0x00, 0x63, 0xE9, 0xAE];

fn heard(format: &FrameFormat, bytes: &[u8]) -> Vec<Heard> {
    Decoder::new(format).push(bytes).collect()
}

fn number(bytes: &[u8]) -> Heard {
    Heard::Frame(Data::Number(bytes.to_vec()))
}

fn text(text: &str) -> Heard {
    Heard::Frame(Data::Text(text.to_owned()))
}

fn badge(form: BadgeForm, take: Option<usize>) -> BadgeFormat {
    BadgeFormat { form, order: BadgeOrder::AsSent, strip: None, take }
}

fn custom(
    prefix: &[u8],
    suffix: &[u8],
    length: Option<usize>,
    data: CustomData,
    checksum: CustomChecksum,
) -> FrameFormat {
    FrameFormat::Custom(CustomFrame { prefix: prefix.to_vec(), suffix: suffix.to_vec(), length, data, checksum })
}

#[test]
fn published_rdm6300_frames_give_the_numbers_printed_on_their_fobs() {
    for (frame, printed) in [(FOB, "6547886"), (b"\x026F007B39725F\x03", "8075634")] {
        let [Heard::Frame(data)] = &heard(&FrameFormat::Rdm6300, frame)[..] else { panic!("one frame") };
        assert_eq!(data.badge(&badge(BadgeForm::Decimal, Some(4))).unwrap().value(), printed);
    }
    assert_eq!(heard(&FrameFormat::Rdm6300, FOB), [number(&FOB_NUMBER)]);
}

#[test]
fn the_frame_of_the_id12_data_sheet_is_read() {
    let frame = b"\x020C000621A58E\x0D\x0A\x03";
    assert_eq!(heard(&FrameFormat::Id12, frame), [number(&[0x0C, 0x00, 0x06, 0x21, 0xA5])]);
    assert_eq!(heard(&FrameFormat::Rdm6300, frame), []);
}

#[test]
fn hexadecimal_digits_are_read_in_either_case() {
    assert_eq!(heard(&FrameFormat::Rdm6300, b"\x02010063e9Ae25\x03"), [number(&FOB_NUMBER)]);
}

#[test]
fn a_wrong_checksum_is_told_and_never_a_badge() {
    let bad = Heard::Bad(BadFrame::Checksum);
    assert_eq!(heard(&FrameFormat::Rdm6300, b"\x02010063E9AE26\x03"), std::slice::from_ref(&bad));
    let then_good = [b"\x02010063E9AF25\x03", FOB].concat();
    assert_eq!(heard(&FrameFormat::Rdm6300, &then_good), [bad, number(&FOB_NUMBER)]);
    let other_letters = heard(&FrameFormat::Rdm6300, b"\x02010063E9AG25\x03");
    assert_eq!(other_letters, [Heard::Bad(BadFrame::NotHex)]);
}

#[test]
fn a_start_inside_a_broken_frame_begins_the_next() {
    for broken in [&b"\x02"[..], b"\x020100", b"\x02010063E9AE25", b"\x02\x02\x02", b"\x03\x02\xFF", b"0100\x03"] {
        let bytes = [broken, FOB].concat();
        assert_eq!(heard(&FrameFormat::Rdm6300, &bytes), [number(&FOB_NUMBER)], "{broken:02X?}");
    }
    assert_eq!(heard(&FrameFormat::StxEtx, b"\x0204\x020415AB\x03"), [text("0415AB")]);
}

#[test]
fn a_held_fob_is_one_frame_a_repetition() {
    assert_eq!(heard(&FrameFormat::Rdm6300, &FOB.repeat(20)).len(), 20);
}

#[test]
fn a_line_ends_with_cr_lf_or_both() {
    let three = heard(&FrameFormat::Line, b"A1\rB2\nC3\r\n\r\n\n");
    assert_eq!(three, [text("A1"), text("B2"), text("C3")]);
    assert_eq!(heard(&FrameFormat::Line, "tessera-è\r".as_bytes()), [text("tessera-è")]);
    assert_eq!(heard(&FrameFormat::Line, b"no end"), []);
}

#[test]
fn noise_before_a_line_is_skipped_and_noise_inside_spoils_it() {
    assert_eq!(heard(&FrameFormat::Line, b"\x00\xFF\x8A\xC30415\r"), [text("0415")]);
    assert_eq!(heard(&FrameFormat::Line, b"04\x0015\r0416\r"), [Heard::Bad(BadFrame::NotText), text("0416")]);
    assert_eq!(heard(&FrameFormat::Line, b"04\xFF15\r"), [Heard::Bad(BadFrame::NotText)]);
}

#[test]
fn a_line_without_end_is_refused_once_and_the_next_is_read() {
    let mut bytes = vec![b'7'; FRAME_BYTES_MAX + 100];
    bytes.extend(b"\r\n0415\r\n");
    assert_eq!(heard(&FrameFormat::Line, &bytes), [Heard::Bad(BadFrame::TooLong), text("0415")]);
}

#[test]
fn text_between_stx_and_etx_is_read_without_its_line_end() {
    assert_eq!(heard(&FrameFormat::StxEtx, b"x\x020415AB\r\n\x03"), [text("0415AB")]);
    assert_eq!(heard(&FrameFormat::StxEtx, b"\x02\x03"), [Heard::Bad(BadFrame::Empty)]);
    assert_eq!(heard(&FrameFormat::StxEtx, b"\x0204\x0015\x03"), [Heard::Bad(BadFrame::NotText)]);
}

#[test]
fn published_wiegand_frames_give_facility_and_card() {
    let cases: [(&[u8], &[u8]); 6] = [
        // 123 / 4567: proxmark3, pm3_tests.sh.
        (b"26:2F623AE\n", &[123, 0x11, 0xD7]),
        (b"26:02f623ae\r\n", &[123, 0x11, 0xD7]),
        // 1 / 1: note on configuring ZK readers.
        (b"26:2020002\n", &[1, 0, 1]),
        // 1337 / 42424: layout H10306.
        (b"34:0A734B71\n", &[0x05, 0x39, 0xA5, 0xB8]),
        // 12345 / 123456: layout H10304.
        (b"37:30393C481\n", &[0x01, 0x81, 0xC9, 0xE2, 0x40]),
        // Mifare UID 1EA68671 as a reader without parity sends it.
        (b"32:7186A61E\n", &[0x71, 0x86, 0xA6, 0x1E]),
    ];
    for (line, bytes) in cases {
        assert_eq!(heard(&FrameFormat::WiegandText, line), [number(bytes)], "{}", line.escape_ascii());
    }
}

#[test]
fn one_fob_has_one_number_through_rdm6300_and_wiegand() {
    // eevblog's fob 6F007B3972 is printed 123,14706: the last three bytes are what 26 bits carry.
    let even = u64::from(0x7B3_u32.count_ones() % 2);
    let odd = u64::from((0x972_u32.count_ones() + 1) % 2);
    let frame = even << 25 | 0x7B_3972 << 1 | odd;
    let [Heard::Frame(wiegand)] = &heard(&FrameFormat::WiegandText, format!("26:{frame:X}\n").as_bytes())[..] else {
        panic!("one frame")
    };
    let [Heard::Frame(serial)] = &heard(&FrameFormat::Rdm6300, b"\x026F007B39725F\x03")[..] else {
        panic!("one frame")
    };
    let last_three = badge(BadgeForm::Hex, Some(3));
    assert_eq!(wiegand.badge(&last_three), serial.badge(&last_three));
}

#[test]
fn swapped_wires_are_told_from_a_disturbed_line() {
    for (bits, frame) in [(26, 0x2F6_23AE_u64), (34, 0x0A73_4B71), (37, 0x3_0393_C481)] {
        let inverse = !frame & ((1 << bits) - 1);
        let read = |frame: u64| heard(&FrameFormat::WiegandText, format!("{bits}:{frame:X}\n").as_bytes());
        assert_eq!(read(inverse), [Heard::Bad(BadFrame::SwappedWires(bits))]);
        assert_eq!(read(frame ^ 0b100), [Heard::Bad(BadFrame::Parity(bits))]);
    }
}

#[test]
fn each_bit_of_corporate_1000_is_under_parity() {
    // Zero company and card: even group zero, both odd groups carried by their parity bits alone.
    for (bits, frame, number_bytes) in [(35, 0x1_u64, 4), (48, 0x1, 6)] {
        let read = |frame: u64| heard(&FrameFormat::WiegandText, format!("{bits}:{frame:X}\n").as_bytes());
        let swapped = !frame & ((1 << bits) - 1);
        assert_eq!(read(frame), [number(&vec![0; number_bytes])]);
        assert_eq!(read(swapped), [Heard::Bad(BadFrame::SwappedWires(bits))]);
        for bit in 0..bits {
            assert!(!matches!(read(frame ^ 1 << bit)[..], [Heard::Frame(_)]), "bit {bit} of {bits}");
        }
    }
}

#[test]
fn a_long_uid_cut_to_26_bits_is_refused_because_many_cards_share_it() {
    let uid = 0x88_0415_u64;
    let even = u64::from((uid >> 12).count_ones() % 2);
    let odd = u64::from(((uid & 0xFFF).count_ones() + 1) % 2);
    let line = format!("26:{:X}\n", even << 25 | uid << 1 | odd);
    assert_eq!(heard(&FrameFormat::WiegandText, line.as_bytes()), [Heard::Bad(BadFrame::TruncatedUid)]);
}

#[test]
fn lines_that_are_no_wiegand_frame_are_refused_with_their_reason() {
    let cases: [(&[u8], BadFrame); 9] = [
        (b"hello\n", BadFrame::NotWiegand),
        (b"26:\n", BadFrame::NotWiegand),
        (b"26:+1\n", BadFrame::NotWiegand),
        (b"26:XYZ\n", BadFrame::NotWiegand),
        (b"26:BD88EB80\n", BadFrame::TooManyBits(26)),
        (b"26:FFFFFFFFFFFFFFFFFFFF\n", BadFrame::TooManyBits(26)),
        (b"25:1\n", BadFrame::UnknownBits(25)),
        (b"300:1\n", BadFrame::UnknownBits(300)),
        (b"4:A\n", BadFrame::KeyPress),
    ];
    for (line, why) in cases {
        assert_eq!(heard(&FrameFormat::WiegandText, line), [Heard::Bad(why)], "{}", line.escape_ascii());
    }
}

#[test]
fn a_custom_frame_is_found_by_its_marks_and_checked_by_its_sum() {
    let sum = custom(&[0xAA, 0x55], &[], Some(4), CustomData::Bytes, CustomChecksum::Sum);
    let frame = [0xAA, 0x55, 0x04, 0x15, 0xAB, 0xCD, 0x91];
    assert_eq!(
        heard(&sum, &[&[0xAA, 0x55, 0x00][..], &frame].concat()).last(),
        Some(&number(&[0x04, 0x15, 0xAB, 0xCD]))
    );
    let hex = custom(b"U", b"\r", None, CustomData::HexDigits, CustomChecksum::Xor);
    assert_eq!(heard(&hex, b"UU0415AB\rU0415AB00\rU0415ABBA\r").last(), Some(&number(&[0x04, 0x15, 0xAB])));
    let words = custom(b"ID=", b";", None, CustomData::Text, CustomChecksum::None);
    assert_eq!(heard(&words, b"ID=04ID=M-77;"), [text("M-77")]);
}

#[test]
fn binary_data_may_contain_both_marks_when_a_checksum_tells() {
    let binary = custom(&[0x02], &[0x03], None, CustomData::Bytes, CustomChecksum::Xor);
    let frame = [0x02, 0x02, 0x03, 0x10, 0x11, 0x03];
    assert_eq!(heard(&binary, &frame).last(), Some(&number(&[0x02, 0x03, 0x10])));
}

#[test]
fn frames_known_by_length_only_start_afresh_after_silence() {
    let bare = custom(&[], &[], Some(4), CustomData::Bytes, CustomChecksum::None);
    let mut decoder = Decoder::new(&bare);
    assert_eq!(decoder.quiet_time(), None);
    assert_eq!(decoder.push(&[9, 9]).count(), 0);
    assert_eq!(decoder.quiet_time(), Some(QUIET_BETWEEN_BARE_FRAMES));
    assert_eq!(decoder.silence(), Some(BadFrame::NoFrame));
    assert_eq!(decoder.push(&[1, 2, 3, 4]).collect::<Vec<_>>(), [number(&[1, 2, 3, 4])]);
    assert_eq!(decoder.silence(), None);
}

#[test]
fn half_a_line_never_becomes_the_front_of_the_next_badge() {
    let mut decoder = Decoder::new(&FrameFormat::Line);
    assert_eq!(decoder.push(b"041").count(), 0);
    assert_eq!(decoder.silence(), Some(BadFrame::NoFrame));
    assert_eq!(decoder.push(b"777\r").collect::<Vec<_>>(), [text("777")]);
}

#[test]
fn a_wrong_baud_rate_is_told_though_nothing_looks_like_a_frame() {
    let noise = vec![0xF8; 2 * FRAME_BYTES_MAX + 2];
    assert_eq!(heard(&FrameFormat::Rdm6300, &noise), [const { Heard::Bad(BadFrame::NoFrame) }; 2]);
}

#[test]
fn a_frame_longer_than_the_limit_is_never_found_and_costs_nothing() {
    let endless = custom(&[2], &[], Some(usize::MAX), CustomData::HexDigits, CustomChecksum::Xor);
    assert!(heard(&endless, &[2; 5000]).iter().all(|heard| matches!(heard, Heard::Bad(BadFrame::NoFrame))));
}

#[test]
fn what_a_decoder_prints_holds_no_card_number() {
    let printed = format!("{:?}", heard(&FrameFormat::Rdm6300, FOB));
    assert!(!printed.contains("63") && !printed.contains("174"), "{printed}");
}

fn any_format() -> impl Strategy<Value = FrameFormat> {
    let marks = || prop::collection::vec(0..4_u8, 0..3);
    let data = prop_oneof![Just(CustomData::HexDigits), Just(CustomData::Bytes), Just(CustomData::Text)];
    let checksum = prop_oneof![Just(CustomChecksum::None), Just(CustomChecksum::Xor), Just(CustomChecksum::Sum)];
    let custom = (marks(), marks(), prop::option::of(0..9_usize), data, checksum).prop_map(
        |(prefix, suffix, length, data, checksum)| {
            FrameFormat::Custom(CustomFrame { prefix, suffix, length, data, checksum })
        },
    );
    prop_oneof![
        Just(FrameFormat::Rdm6300),
        Just(FrameFormat::Id12),
        Just(FrameFormat::Line),
        Just(FrameFormat::StxEtx),
        Just(FrameFormat::WiegandText),
        custom,
    ]
}

/// Bytes that look like frames often enough to get deep into the decoders.
fn any_bytes() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..20),
        prop::collection::vec(prop::sample::select(&b"\x02\x03\r\n:0123456789ABCDEFabcdef"[..]), 0..40),
        Just(FOB.to_vec()),
        Just(b"26:2F623AE\r\n".to_vec()),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn no_cutting_into_reads_changes_what_is_heard(
        format in any_format(), bytes in any_bytes(), cuts in prop::collection::vec(1..30_usize, 0..40),
    ) {
        let mut decoder = Decoder::new(&format);
        let mut in_pieces = Vec::new();
        let mut rest = &bytes[..];
        for cut in cuts {
            let (piece, more) = rest.split_at(cut.min(rest.len()));
            in_pieces.extend(decoder.push(piece));
            rest = more;
        }
        in_pieces.extend(decoder.push(rest));
        prop_assert_eq!(in_pieces, heard(&format, &bytes));
    }

    #[test]
    fn no_rubbish_hides_a_frame_that_begins_with_stx(rubbish in any_bytes(), uid in any::<[u8; 5]>()) {
        let xor = uid.iter().fold(0, |sum, byte| sum ^ byte);
        let digits: String = uid.iter().chain([&xor]).map(|byte| format!("{byte:02X}")).collect();
        let cases = [
            (FrameFormat::Rdm6300, "\x03", number(&uid)),
            (FrameFormat::Id12, "\r\n\x03", number(&uid)),
            (FrameFormat::StxEtx, "\x03", text(&digits)),
        ];
        for (format, end, expected) in cases {
            let bytes = [&rubbish[..], b"\x02", digits.as_bytes(), end.as_bytes()].concat();
            prop_assert_eq!(heard(&format, &bytes).pop(), Some(expected));
        }
    }

    #[test]
    fn a_line_is_found_after_any_rubbish_that_ends(rubbish in any_bytes(), line in "[!-~]{1,40}") {
        let bytes = [&rubbish[..], b"\r\n", line.as_bytes(), b"\r\n"].concat();
        prop_assert_eq!(heard(&FrameFormat::Line, &bytes).pop(), Some(text(&line)));
    }

    #[test]
    fn one_flipped_bit_is_never_another_badge(uid in any::<[u8; 5]>(), at in 0..14_usize, bit in 0..7_u8) {
        let xor = uid.iter().fold(0, |sum, byte| sum ^ byte);
        let digits: String = uid.iter().chain([&xor]).map(|byte| format!("{byte:02X}")).collect();
        let mut bytes = [b"\x02", digits.as_bytes(), b"\x03"].concat();
        bytes[at] ^= 1 << bit;
        for heard in heard(&FrameFormat::Rdm6300, &bytes) {
            // A letter whose case flips is the same digit.
            prop_assert!(heard == number(&uid) || matches!(heard, Heard::Bad(_)));
        }
    }
}
