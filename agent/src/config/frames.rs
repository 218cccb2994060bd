//! How a reader's frames look, and how their data becomes a badge.

use super::section::Section;
use super::values::{choice, hex_bytes, text, whole};
use crate::domain::{BadgeForm, BadgeFormat, BadgeOrder};
use crate::door::{CustomChecksum, CustomData, CustomFrame, FrameFormat};

/// Most bytes around the data of a custom frame.
const MARK_BYTES_MAX: usize = 16;
/// Most data bytes of a custom frame: a member app's QR code fits.
const DATA_BYTES_MAX: usize = 256;
/// Most bytes or characters that can be taken of a value.
const TAKE_MAX: usize = 128;

/// The frames that have a name; `custom` is written as a table instead.
const FRAMES: [(&str, Option<FrameFormat>); 6] = [
    ("rdm6300", Some(FrameFormat::Rdm6300)),
    ("id12", Some(FrameFormat::Id12)),
    ("line", Some(FrameFormat::Line)),
    ("stx-etx", Some(FrameFormat::StxEtx)),
    ("wiegand-text", Some(FrameFormat::WiegandText)),
    ("custom", None),
];
const DATA: [(&str, CustomData); 3] =
    [("hex", CustomData::HexDigits), ("bytes", CustomData::Bytes), ("text", CustomData::Text)];
const CHECKSUMS: [(&str, CustomChecksum); 3] =
    [("none", CustomChecksum::None), ("xor", CustomChecksum::Xor), ("sum", CustomChecksum::Sum)];
const FORMS: [(&str, BadgeForm); 3] =
    [("hex", BadgeForm::Hex), ("decimal", BadgeForm::Decimal), ("text", BadgeForm::Text)];
const ORDERS: [(&str, BadgeOrder); 2] = [("as-sent", BadgeOrder::AsSent), ("reversed", BadgeOrder::Reversed)];

/// `frame = "rdm6300"`, or a table that describes another one.
pub(super) fn frame(section: &mut Section<'_>) -> Option<FrameFormat> {
    if section.is_table("frame") {
        return section.section("frame").and_then(custom).map(FrameFormat::Custom);
    }
    let named = section.optional("frame", choice(&FRAMES))?;
    if named.is_none() {
        let mend = "write frame = { prefix = \"02\", suffix = \"03\", length = 8, data = \"hex\", checksum = \"xor\" }";
        section.problem("frame", "a custom frame is described by a table", mend);
    }
    named
}

fn custom(mut section: Section<'_>) -> Option<CustomFrame> {
    let prefix = section.or("prefix", Vec::new(), hex_bytes(MARK_BYTES_MAX));
    let suffix = section.or("suffix", Vec::new(), hex_bytes(MARK_BYTES_MAX));
    let length = section.optional("length", whole_usize(DATA_BYTES_MAX));
    let data = section.required("data", "data = \"hex\", \"bytes\" or \"text\"", choice(&DATA));
    let checksum = section.or("checksum", CustomChecksum::None, choice(&CHECKSUMS));
    if suffix.is_empty() && length.is_none() && section.is_sound("suffix") && section.is_sound("length") {
        section.problem("suffix", "nothing says where the frame ends", "add suffix = \"0D\" or length = 10");
    }
    if data == Some(CustomData::HexDigits) && length.is_some_and(|length| !length.is_multiple_of(2)) {
        section.problem(
            "length",
            "hexadecimal digits come in pairs",
            "write an even number: digits are counted, not bytes",
        );
    }
    if data == Some(CustomData::Text) && checksum != CustomChecksum::None {
        section.problem(
            "checksum",
            "a checksum is taken over a number",
            "write data = \"hex\" or \"bytes\", or checksum = \"none\"",
        );
    }
    section.finish();
    Some(CustomFrame { prefix, suffix, length, data: data?, checksum })
}

/// `badge = { form = "hex", order = "as-sent" }`; the form that suits the frame unless told otherwise.
pub(super) fn badge(section: &mut Section<'_>, frame: Option<&FrameFormat>) -> BadgeFormat {
    let usual = match frame {
        Some(FrameFormat::Line | FrameFormat::StxEtx) => BadgeForm::Text,
        Some(FrameFormat::Custom(CustomFrame { data: CustomData::Text, .. })) => BadgeForm::Text,
        _ => BadgeForm::Hex,
    };
    let mut format = BadgeFormat { form: usual, order: BadgeOrder::AsSent, strip: None, take: None };
    if let Some(mut badge) = section.section("badge") {
        format.form = badge.or("form", usual, choice(&FORMS));
        format.order = badge.or("order", format.order, choice(&ORDERS));
        format.strip = badge.optional("strip", text);
        format.take = badge.optional("take", whole_usize(TAKE_MAX));
        badge.finish();
    }
    format
}

/// A count from 1.
fn whole_usize(most: usize) -> impl FnOnce(&super::tree::Node) -> Result<usize, super::section::Fault> {
    whole(1..=most)
}
