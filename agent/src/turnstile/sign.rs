//! What a display shows: the first of the texts, in the member's language, in two lines.

use super::Site;
use crate::access::Texts;
use crate::domain::{Locale, MemberText};
use crate::door::Light;

/// The two lines of a text for somebody who speaks that.
pub(super) fn lines(site: &Site, spoken: Option<&str>, texts: &[MemberText]) -> [String; 2] {
    let locale = Texts::locale_of(spoken, site.policy.borrow().site.locale);
    let whole = texts.first().map_or_else(String::new, |first| site.texts.borrow().text(locale, first));
    fitted(&whole)
}

/// The two lines of a text in the site's language.
pub(super) fn notice(site: &Site, text: &MemberText) -> [String; 2] {
    let locale: Locale = site.policy.borrow().site.locale;
    let whole = site.texts.borrow().text(locale, text);
    fitted(&whole)
}

/// The light over what somebody reads who is let through.
pub(super) fn light_of_grant(texts: &[MemberText]) -> Light {
    if let Some(MemberText::Crm { .. }) = texts.first() { Light::Message } else { Light::Welcome }
}

/// The two lines of any text.
pub(super) fn fitted(text: &str) -> [String; 2] {
    Texts::fit(text).map(|line| line.as_str().to_owned())
}
