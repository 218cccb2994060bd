//! Texts as people type them, tidied: trimmed, without control characters, empty is unknown, of bounded length.

use super::refused::Findings;

/// Longest name, in characters: the longest that upstreams store.
pub(super) const NAME_CHARS_MAX: usize = 200;
/// Longest short text such as a phone, a product or a group, in characters.
pub(super) const SHORT_CHARS_MAX: usize = 200;
/// Longest e-mail address, in characters (RFC 5321: a path has 256 octets, angle brackets included).
pub(super) const EMAIL_CHARS_MAX: usize = 254;
/// Longest text for operators, in characters: notes and reasons, not essays.
pub(super) const LONG_CHARS_MAX: usize = 4000;

/// Tidies a text that must not be empty.
pub(super) fn required(text: &mut String, path: &str, chars_max: usize, found: &mut Findings) {
    *text = tidy(text);
    if text.is_empty() {
        found.refuse(path, "is required and must not be empty");
    }
    bounded(text, path, chars_max, found);
}

/// Tidies a text that may be unknown.
pub(super) fn optional(text: &mut Option<String>, path: &str, chars_max: usize, found: &mut Findings) {
    *text = text.as_deref().map(tidy).filter(|text| !text.is_empty());
    if let Some(text) = text {
        bounded(text, path, chars_max, found);
    }
}

/// Tidies an e-mail address; its domain is compared in lower case everywhere, so it is written so.
pub(super) fn email(address: &mut Option<String>, found: &mut Findings) {
    optional(address, "email", EMAIL_CHARS_MAX, found);
    let Some(text) = address else { return };
    match text.rsplit_once('@') {
        Some((local, domain)) if !local.is_empty() && domain.contains('.') && !text.contains(' ') => {
            *address = Some(format!("{local}@{}", domain.to_lowercase()));
        }
        _ => found.warn("email", "is no e-mail address; upstreams that need one will refuse this person"),
    }
}

/// Without spaces around it; line breaks, tabs and other control characters become single spaces, since these texts
/// end up on displays, in mails and in other systems' forms.
fn tidy(text: &str) -> String {
    let spaced: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if spaced.contains("  ") {
        spaced.split_whitespace().collect::<Vec<_>>().join(" ")
    } else {
        spaced.trim().to_owned()
    }
}

fn bounded(text: &str, path: &str, chars_max: usize, found: &mut Findings) {
    if text.len() > chars_max && text.chars().count() > chars_max {
        found.refuse(path, format!("is longer than {chars_max} characters"));
    }
}
