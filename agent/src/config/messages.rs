//! `[messages]`: the folder in which a club keeps member texts of its own.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

use super::files::Surroundings;
use super::section::{Fault, Section};
use super::values::text;
use crate::access::Texts;
use crate::domain::Locale;

/// The files a club may write, each with all texts of its language.
const FILES: [(Locale, &str); 3] = [(Locale::It, "it.toml"), (Locale::Sv, "sv.toml"), (Locale::En, "en.toml")];

/// Longest file of texts, in bytes: some dozens of short texts fit many times over.
const FILE_BYTES_MAX: u64 = 256 * 1024;

/// Reads `[messages]`, which may be absent.
pub(super) fn messages(section: Option<Section<'_>>, around: &Surroundings) -> Texts {
    let Some(mut section) = section else { return Texts::shipped() };
    let own = section.optional("dir", |node| own_files(&around.path(&text(node)?))).unwrap_or_default();
    let files: Vec<(Locale, &str)> = own.iter().map(|(locale, content)| (*locale, content.as_str())).collect();
    let texts = Texts::parse(&files);
    for problem in texts.as_ref().err().into_iter().flatten() {
        let file = FILES.iter().find(|(locale, _)| *locale == problem.locale).map_or("", |(_, file)| file);
        let content = own.iter().find(|(locale, _)| *locale == problem.locale).map_or("", |(_, content)| content);
        let line = problem.span.as_ref().map_or(1, |span| super::problem::line_of(content, span.start));
        section.problem("dir", format!("{file} line {line}: {}", problem.why), format!("mend it in {file}"));
    }
    section.finish();
    texts.unwrap_or_else(|_| Texts::shipped())
}

/// The files that are in a folder. A language without one keeps the texts built in.
fn own_files(folder: &Path) -> Result<Vec<(Locale, String)>, Fault> {
    if !folder.is_dir() {
        let mend = "name the folder that holds it.toml, sv.toml or en.toml";
        return Err(Fault::new(format!("{} is no folder", folder.display()), mend));
    }
    let mut own = Vec::new();
    for (locale, file) in FILES {
        if let Some(content) = content(&folder.join(file))? {
            own.push((locale, content));
        }
    }
    Ok(own)
}

fn content(path: &Path) -> Result<Option<String>, Fault> {
    let mut content = String::new();
    let read = File::open(path).and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_string(&mut content));
    match read {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Fault::new(format!("cannot read {}: {error}", path.display()), "let the agent read it")),
        Ok(_) if content.len() as u64 > FILE_BYTES_MAX => {
            let what = format!("{} is longer than {FILE_BYTES_MAX} bytes", path.display());
            Err(Fault::new(what, "write short texts only"))
        }
        Ok(_) => Ok(Some(content)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::problem::Report;
    use super::super::tree::Node;
    use super::*;
    use crate::domain::MemberText;

    /// The welcome in English, and what is told, with this as the club's own English file.
    fn with_english(content: &str) -> (String, Vec<String>) {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("en.toml"), content).expect("written");
        let around = Surroundings { folder: folder.path().into(), ..Surroundings::default() };
        let file = "[messages]\ndir = \".\"\n";
        let report = Report::new(file);
        let root = Node::parse(file).expect("a file");
        let texts = messages(Section::root(&root, &report).section("messages"), &around);
        let told = report.conclude(Path::new("varco.toml"));
        let told = told.unwrap_or_else(|it| it.all().iter().map(ToString::to_string).collect());
        (texts.text(Locale::En, &MemberText::Welcome), told)
    }

    #[test]
    fn a_club_writes_its_own_texts() {
        let own = include_str!("../../../config/messages/en.toml").replace("\"Welcome\"", "\"Have fun\"");
        assert_eq!(with_english(&own), ("Have fun".into(), Vec::new()));
    }

    #[test]
    fn a_mistake_in_them_is_told_with_file_and_line() {
        let own = format!("{}\nwelcom = \"Have fun\"\n", include_str!("../../../config/messages/en.toml"));
        let (welcome, told) = with_english(&own);
        assert_eq!(welcome, "Welcome");
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].starts_with(&format!("messages.dir (line 2): en.toml line {}: welcom", own.lines().count())));
    }
}
