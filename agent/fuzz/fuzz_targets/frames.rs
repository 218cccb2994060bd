//! Any bytes through every built-in frame format: no panic, and the same frames however the bytes are cut up.

#![no_main]

use libfuzzer_sys::fuzz_target;
use varco::door::FrameFormat;
use varco::door::frame::{Decoder, Heard};

fuzz_target!(|input: (Vec<u8>, u8)| {
    let (bytes, piece) = input;
    let formats =
        [FrameFormat::Rdm6300, FrameFormat::Id12, FrameFormat::Line, FrameFormat::StxEtx, FrameFormat::WiegandText];
    for format in formats {
        let whole: Vec<Heard> = Decoder::new(&format).push(&bytes).collect();
        let mut decoder = Decoder::new(&format);
        let mut in_pieces = Vec::new();
        for piece in bytes.chunks(usize::from(piece).max(1)) {
            in_pieces.extend(decoder.push(piece));
        }
        assert_eq!(whole, in_pieces);
        decoder.silence();
        assert_eq!(decoder.quiet_time(), None);
    }
});
