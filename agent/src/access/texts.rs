//! What members read: short, private, in their language, fitted to the display.

mod fitting;

use std::collections::BTreeMap;

use toml_edit::{Document, Item};

use crate::domain::{Locale, MemberText, Reason};

pub use fitting::Line16;

/// Longest text of the files, in characters. A display page scrolls no further than a line of print.
const TEXT_CHARS_MAX: usize = 80;

const WELCOME: &str = "welcome";
const GOODBYE: &str = "goodbye";

const SHIPPED: [(Locale, &str); 3] = [
    (Locale::It, include_str!("../../../config/messages/it.toml")),
    (Locale::Sv, include_str!("../../../config/messages/sv.toml")),
    (Locale::En, include_str!("../../../config/messages/en.toml")),
];

/// What is wrong in a file of texts.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{why}")]
pub struct TextsProblem {
    /// The file's language.
    pub locale: Locale,
    /// The key, if it lies with one.
    pub key: Option<String>,
    /// The place in the file, in bytes, if it has one: a missing key has none.
    pub span: Option<std::ops::Range<usize>>,
    /// What is wrong and what to write instead.
    pub why: String,
}

/// Member texts by language and key. Complete from birth: every language has a text for every reason.
#[derive(Clone, Debug)]
pub struct Texts(BTreeMap<Locale, BTreeMap<String, String>>);

impl Texts {
    /// The texts that come with Varco.
    #[must_use]
    pub fn shipped() -> Self {
        Self::parse(&[]).expect("the shipped texts are complete: a test reads them")
    }

    /// Texts from TOML files, one a language; languages not given have the shipped texts.
    ///
    /// # Errors
    /// All problems of all files: unreadable TOML, unknown and missing keys, values that are no short text.
    pub fn parse(files: &[(Locale, &str)]) -> Result<Self, Vec<TextsProblem>> {
        let (mut texts, mut problems) = (BTreeMap::new(), Vec::new());
        for (locale, source) in SHIPPED.iter().chain(files) {
            match read(*locale, source) {
                Ok(read) => drop(texts.insert(*locale, read)),
                Err(found) => problems.extend(found),
            }
        }
        if problems.is_empty() { Ok(Self(texts)) } else { Err(problems) }
    }

    /// The text in a language, whole; [`Texts::locale_of`] says in which.
    #[must_use]
    pub fn text(&self, locale: Locale, text: &MemberText) -> String {
        let key = match text {
            MemberText::Welcome => WELCOME,
            MemberText::Goodbye => GOODBYE,
            MemberText::Reason(reason) => reason.code(),
            MemberText::Crm { text, .. } => return text.clone(),
        };
        self.0.get(&locale).and_then(|texts| texts.get(key)).cloned().unwrap_or_default()
    }

    /// The language for a person: their own, if Varco speaks it, else the site's. `it`, `it-IT` and `IT_it` are Italian.
    #[must_use]
    pub fn locale_of(spoken: Option<&str>, site: Locale) -> Locale {
        let primary = spoken.and_then(|tag| tag.trim().split(['-', '_']).next());
        match primary.map(str::to_ascii_lowercase).as_deref() {
            Some("it") => Locale::It,
            Some("sv") => Locale::Sv,
            Some("en") => Locale::En,
            Some(_) | None => site,
        }
    }

    /// Fitted to two lines of sixteen characters; see [`Line16`] for what becomes of longer texts and of accents.
    #[must_use]
    pub fn fit(text: &str) -> [Line16; 2] {
        fitting::fit(text)
    }
}

impl Default for Texts {
    fn default() -> Self {
        Self::shipped()
    }
}

fn keys() -> impl Iterator<Item = &'static str> {
    [WELCOME, GOODBYE].into_iter().chain(Reason::ALL.iter().map(|reason| reason.code()))
}

fn read(locale: Locale, source: &str) -> Result<BTreeMap<String, String>, Vec<TextsProblem>> {
    let problem =
        |key: Option<&str>, span, why: String| TextsProblem { locale, key: key.map(str::to_owned), span, why };
    let document = match Document::parse(source) {
        Ok(document) => document,
        Err(error) => return Err(vec![problem(None, error.span(), format!("this is no TOML: {}", error.message()))]),
    };
    let (mut texts, mut problems) = (BTreeMap::new(), Vec::new());
    for (key, item) in document.iter() {
        match accept(key, item) {
            Ok(text) => drop(texts.insert(key.to_owned(), text)),
            Err(why) => problems.push(problem(Some(key), item.span(), why)),
        }
    }
    let missing = keys().filter(|key| !document.contains_key(key));
    problems.extend(missing.map(|key| problem(Some(key), None, format!("write a text for {key}"))));
    if problems.is_empty() { Ok(texts) } else { Err(problems) }
}

fn accept(key: &str, item: &Item) -> Result<String, String> {
    if !keys().any(|known| known == key) {
        return Err(format!("{key} is no reason; see the shipped file for the keys"));
    }
    let text = item.as_str().map(str::trim).ok_or_else(|| format!("write a text in quotes for {key}"))?;
    if text.is_empty() || text.chars().count() > TEXT_CHARS_MAX {
        return Err(format!("write 1 to {TEXT_CHARS_MAX} characters for {key}"));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCALES: [Locale; 3] = [Locale::It, Locale::Sv, Locale::En];

    fn everything_said() -> impl Iterator<Item = MemberText> {
        let reasons = Reason::ALL.iter().map(|reason| MemberText::Reason(*reason));
        [MemberText::Welcome, MemberText::Goodbye].into_iter().chain(reasons)
    }

    #[test]
    fn every_text_of_every_language_fits_the_display_whole() {
        let texts = Texts::shipped();
        for locale in LOCALES {
            for said in everything_said() {
                let whole = texts.text(locale, &said);
                let [first, second] = Texts::fit(&whole);
                let shown = format!("{first} {second}").trim().to_owned();
                assert_eq!(shown, fitting::plain(&whole), "{locale:?} {said:?}");
                assert!(!shown.is_empty(), "{locale:?} {said:?}");
            }
        }
    }

    #[test]
    fn no_text_tells_the_queue_what_somebody_owes() {
        let private =
            ["debt", "owe", "pay", "due", "invoice", "debit", "pag", "moros", "insolut", "skuld", "betal", "faktur"];
        let texts = Texts::shipped();
        for locale in LOCALES {
            for said in everything_said() {
                let text = texts.text(locale, &said).to_lowercase();
                assert!(!private.iter().any(|word| text.contains(word)), "{locale:?} {said:?}: {text}");
            }
        }
    }

    #[test]
    fn all_problems_of_a_file_are_told_at_once() {
        let source = "welcome = 7\ngoodbye = \"Ciao\"\nbaned = \"no\"\nbanned = \"\"\n";
        let problems = Texts::parse(&[(Locale::It, source)]).unwrap_err();
        let about = |key: &str| problems.iter().find(|it| it.key.as_deref() == Some(key)).map(|it| it.why.clone());
        assert_eq!(about("welcome").as_deref(), Some("write a text in quotes for welcome"));
        assert_eq!(about("baned").as_deref(), Some("baned is no reason; see the shipped file for the keys"));
        assert_eq!(about("banned").as_deref(), Some("write 1 to 80 characters for banned"));
        assert_eq!(about("zone_full").as_deref(), Some("write a text for zone_full"));
        assert_eq!(about("goodbye"), None);
        let baned = problems.iter().find(|it| it.key.as_deref() == Some("baned")).and_then(|it| it.span.clone());
        assert_eq!(baned.map(|span| &source[span]), Some("\"no\""));
    }

    #[test]
    fn broken_toml_is_one_problem_with_its_place() {
        let problems = Texts::parse(&[(Locale::Sv, "welcome = ")]).unwrap_err();
        assert_eq!(problems.len(), 1);
        assert!(problems[0].span.is_some());
        assert!(problems[0].why.starts_with("this is no TOML"), "{}", problems[0].why);
    }

    #[test]
    fn a_club_changes_one_language_and_keeps_the_others() {
        let own = include_str!("../../../config/messages/en.toml").replace("\"Welcome\"", "\"Enjoy your swim\"");
        let texts = Texts::parse(&[(Locale::En, &own)]).unwrap();
        assert_eq!(texts.text(Locale::En, &MemberText::Welcome), "Enjoy your swim");
        assert_eq!(texts.text(Locale::It, &MemberText::Welcome), "Buon allenamento");
    }

    #[test]
    fn a_member_is_addressed_in_their_language_if_varco_speaks_it() {
        assert_eq!(Texts::locale_of(Some("sv"), Locale::It), Locale::Sv);
        assert_eq!(Texts::locale_of(Some("EN-gb"), Locale::It), Locale::En);
        assert_eq!(Texts::locale_of(Some("it_IT"), Locale::Sv), Locale::It);
        assert_eq!(Texts::locale_of(Some("fi"), Locale::Sv), Locale::Sv);
        assert_eq!(Texts::locale_of(None, Locale::En), Locale::En);
    }
}
