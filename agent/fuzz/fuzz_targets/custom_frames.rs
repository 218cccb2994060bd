//! Any bytes through any frame that a configuration can describe: no panic, and no frame of another length or without content.

#![no_main]

use libfuzzer_sys::fuzz_target;
use varco::door::frame::{Data, Decoder, Heard};
use varco::door::{CustomChecksum, CustomData, CustomFrame, FrameFormat};

fuzz_target!(|input: (Vec<u8>, Vec<u8>, Option<u16>, u8, Vec<u8>)| {
    let (prefix, suffix, length, kind, bytes) = input;
    let data = [CustomData::HexDigits, CustomData::Bytes, CustomData::Text][usize::from(kind % 3)];
    let checksum = [CustomChecksum::None, CustomChecksum::Xor, CustomChecksum::Sum][usize::from(kind / 3 % 3)];
    let length = length.map(usize::from);
    let format = FrameFormat::Custom(CustomFrame { prefix, suffix, length, data, checksum });
    let mut decoder = Decoder::new(&format);
    for heard in decoder.push(&bytes) {
        match heard {
            Heard::Frame(Data::Number(number)) => {
                assert!(!number.is_empty());
                assert!(length.is_none_or(|length| number.len() == length));
            }
            Heard::Frame(Data::Text(text)) => assert!(!text.is_empty() && !text.contains(char::is_control)),
            Heard::Bad(_) => {}
        }
    }
    decoder.silence();
    assert_eq!(decoder.quiet_time(), None);
});
