//! Secrets come from files, credentials and variables, and are never shown.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use expect_test::expect;
use secrecy::ExposeSecret;

use super::*;

#[test]
fn a_secret_in_the_file_is_refused_and_not_shown() {
    let text = format!("{SITE}[mqtt]\nurl = \"mqtt://127.0.0.1\"\nusername = \"u\"\npassword = \"hunter2\"\n");
    let problems = load(&text).expect_err("an inline secret");
    expect![[r#"
        mqtt.password (line 7): a secret does not stand in this file
            put it into a file that only the agent may read, and write password_file = "/path/to/it"
    "#]]
    .assert_eq(&told(&problems));
    let beside =
        ["password = \"hunter2\"", "pasword = \"hunter2\"", "password = hunter2", "url = \"mqtt://me:hunter2@broker\""];
    for line in beside {
        let problems = load(&format!("{SITE}[mqtt]\n{line}\n")).expect_err("a bad line");
        let report = format!("{:?}", miette::Report::new(problems));
        assert!(report.contains("***") && !report.contains("hunter2"), "{report}");
    }
}

#[test]
fn the_address_of_a_webhook_is_not_shown_since_it_may_be_a_secret_itself() {
    let lines = [
        "url = \"http://central.example.org/hooks?token=hunter2\"",
        "url = \"https://central.example.org/hunter2#here\"",
        "url = \"https://central.example.org/hooks?token=hunter2\"\ncolour = 1",
        "url = \"https://central.example.org/hooks?token=hunter2\"\nevents = visit",
    ];
    for line in lines {
        let problems = load(&format!("{SITE}[[webhook]]\nid = \"central\"\n{line}\n")).expect_err("a bad table");
        let report = told(&problems) + &format!("{:?}", miette::Report::new(problems));
        assert!(report.contains("***") && !report.contains("hunter2"), "{report}");
    }
}

#[test]
fn secrets_come_trimmed_from_files_credentials_and_variables() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, content: &str, mode: u32| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("in the folder")).expect("made");
        std::fs::write(&path, content).expect("written");
        std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).expect("changed");
    };
    write("secrets/beside", " from-secrets \n", 0o640);
    write("credentials/handed", "from-systemd\n", 0o400);
    write("open", "from-open-file\n", 0o644);
    write("empty", "\n", 0o600);
    write("long", "two\nlines", 0o600);
    let around = Surroundings {
        folder: folder.path().into(),
        credentials: Some(folder.path().join("credentials")),
        variables: BTreeMap::from([("TOKEN".to_owned(), "from-variable ".to_owned())]),
    };
    let outcome = |key: &str| {
        let text = format!("{SITE}[mqtt]\nurl = \"mqtt://127.0.0.1\"\nusername = \"u\"\n{key}\n");
        match parse(Path::new("varco.toml"), &text, &around) {
            Ok(loaded) => {
                let (_, secret) = loaded.config.mqtt.expect("configured").login.expect("configured");
                format!("{} {}", secret.expose_secret(), loaded.warnings.join(" "))
            }
            Err(problems) => told(&problems).replace(&*folder.path().to_string_lossy(), "…"),
        }
    };
    assert_eq!(outcome("password_file = \"beside\""), "from-secrets ");
    assert_eq!(outcome("password_file = \"handed\""), "from-systemd ");
    assert_eq!(outcome("password_env = \"TOKEN\""), "from-variable ");
    let keys = ["password_file = \"./open\"", "password_file = \"./empty\"", "password_file = \"./long\""];
    let more = [
        "password_file = \"gone\"",
        "password_env = \"GONE\"",
        "password_file = \"beside\"\npassword_env = \"TOKEN\"",
        "",
    ];
    let transcript: Vec<_> = keys.into_iter().chain(more).map(outcome).collect();
    expect![[r#"
        from-open-file mqtt.password_file (line 7): others can read or change this file (mode 644); chmod 640 or 600 it
        mqtt.password_file (line 7): …/./empty is empty
            put the secret into it

        mqtt.password_file (line 7): …/./long holds more than one line
            leave only the secret in it

        mqtt.password_file (line 7): cannot read …/secrets/gone: No such file or directory (os error 2)
            name a file that is there; a name without a slash is a systemd credential or lies in secrets/ beside this file

        mqtt.password_env (line 7): there is no environment variable GONE
            set it, or use `password_file`

        mqtt.password_env (line 8): `password_file` is given as well
            keep one of the two

        mqtt.password_file (line 4): `password_file` is missing
            add password_file = "/path/to/it" (or password_env)
    "#]].assert_eq(&transcript.join("\n"));
}
