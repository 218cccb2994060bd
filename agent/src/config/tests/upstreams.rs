//! What upstreams and the console need, and which addresses are safe.

use expect_test::expect;

use super::*;

#[test]
fn an_upstream_is_asked_for_everything_it_needs() {
    check(
        r#"[mqtt]
url = "http://broker"
client_id = ""
topic_prefix = "club/#"
confirm = "recept"
cert_file = "/nowhere/cert.pem"
[mywellness]
base_url = "http://api.mywellness.com"
send = ["people", "photos", "visit"]
requests_per_second = 0
group_ids = { Gold = "12" }
[mywellness.selection]
mode = "group"
[[webhook]]
id = "central"
"#,
        expect![[r#"
            mqtt.key_file (line 4): `key_file` is missing
                add the private key of `cert_file`
            mqtt.url (line 5): http:// is no address of an MQTT broker
                write "mqtt://host:1883", or "mqtts://host:8883" for TLS
            mqtt.client_id (line 6): the text is empty
                write something, or remove the key
            mqtt.topic_prefix (line 7): "club/#" cannot begin a topic
                write names with slashes between them, as in "varco/v1", without # + and a leading $
            mqtt.confirm (line 8): "recept" is not possible here
                did you mean "receipt"? Possible: "puback", "receipt"
            mqtt.cert_file (line 9): cannot read /nowhere/cert.pem: No such file or directory (os error 2)
                name a file that is there; a name without a slash is a systemd credential or lies in secrets/ beside this file
            mywellness.facility_url (line 10): `facility_url` is missing
                add facility_url = "clubmilano"
            mywellness.api_key_file (line 10): `api_key_file` is missing
                add api_key_file = "/path/to/it" (or api_key_env)
            mywellness.username (line 10): `username` is missing
                add username = "…", the integration user
            mywellness.password_file (line 10): `password_file` is missing
                add password_file = "/path/to/it" (or password_env)
            mywellness.base_url (line 11): plain http would carry secrets in the open
                write https://, or http:// to 127.0.0.1 only
            mywellness.send (line 12): "visit" is not possible here
                did you mean "visits"? Possible: "people", "memberships", "groups", "visits", "photos", "badges", "attendance"
            mywellness.requests_per_second (line 13): 0 is out of range
                write 1 to 10000
            mywellness.group_ids (line 14): this is a text
                write a whole number, without quotes
            mywellness.selection.group (line 15): `group` is missing
                add group = "…", the group's name
            webhook.central.url (line 17): `url` is missing
                add url = "https://central.example.org/hooks/varco"
            webhook.central.secret_file (line 17): `secret_file` is missing
                add secret_file = "/path/to/it" (or secret_env)
        "#]],
    );
}

#[test]
fn addresses_hold_no_password_and_plain_ones_are_warned_of() {
    check(
        "[mqtt]\nurl = \"mqtt://me:secret@broker\"\n",
        expect![[r#"
        mqtt.url (line 5): an address holds no user and no password
            write `username` and `password_file` instead
    "#]],
    );
    check(
        "[mqtt]\nurl = \"mqtt://broker.example.org\"\n",
        expect![[r#"
        warning: mqtt.url (line 5): visits and the password travel unencrypted to another machine; write mqtts:// if the broker has TLS
    "#]],
    );
    check(
        "[console]\nlisten = \"0.0.0.0:8480\"\n",
        expect![[r#"
        console.listen (line 5): tokens and personal data would travel unencrypted to other machines
            add [console.tls] with cert_file and key_file, or behind_proxy = true if a proxy ends TLS, or listen on 127.0.0.1
    "#]],
    );
    check("[console]\nlisten = \"0.0.0.0:8480\"\nbehind_proxy = true\n", expect![[""]]);
    check("[console]\nlisten = \"localhost:8480\"\n", expect![[""]]);
    check(
        "[console]\nlisten = \"8480\"\n",
        expect![[r#"
        console.listen (line 5): "8480" is no address to listen on
            write an address and a port, as in "127.0.0.1:8480"
    "#]],
    );
}

#[test]
fn a_webhook_is_told_apart_signed_and_encrypted() {
    check(
        r#"[[webhook]]
id = "central"
url = "http://central.example.org/hooks"
secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
events = ["visit", "visits"]
[[webhook]]
id = "central"
url = "https://me:hunter2@central.example.org/hooks#top"
secret_env = "GONE"
events = []
request_timeout = "5m"
[[webhook]]
id = "Central System"
url = "http://127.0.0.1:8080/hooks?club=milano"
ca_file = "/nowhere/ca.pem"
"#,
        expect![[r#"
            webhook.central.url (line 6): plain http would carry visits in the open
                write https://, or http:// to 127.0.0.1 only
            webhook.central.secret (line 7): a secret does not stand in this file
                put it into a file that only the agent may read, and write secret_file = "/path/to/it"
            webhook.central.events (line 8): "visits" is not possible here
                did you mean "visit"? Possible: "visit", "attendance", "passage", "alarm"
            webhook.central.id (line 10): the id "central" is taken
                give each its own id
            webhook.central.url (line 11): an address holds no user and no password
                write `username` and `password_file` instead
            webhook.central.secret_env (line 12): there is no environment variable GONE
                set it, or use `secret_file`
            webhook.central.events (line 13): no event is named
                write events = ["visit"]
            webhook.central.request_timeout (line 14): "5m" is out of range
                write "1s" to "1m", as in "3s"
            webhook.Central System.secret_file (line 15): `secret_file` is missing
                add secret_file = "/path/to/it" (or secret_env)
            webhook.Central System.id (line 16): "Central System" is not a name, or too long a one
                write 1 to 64 characters of a-z, 0-9 and -
            webhook.Central System.ca_file (line 18): cannot read /nowhere/ca.pem: No such file or directory (os error 2)
                name a file that is there; a name without a slash is a systemd credential or lies in secrets/ beside this file
            webhook.Central System.ca_file (line 18): `ca_file` is for TLS
                write url = "https://…", or remove it
        "#]],
    );
}

#[test]
fn a_webhook_has_one_key_or_two_while_it_changes() {
    const KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let keys = |secret: &str| {
        let variables = std::collections::BTreeMap::from([("SECRET".to_owned(), secret.to_owned())]);
        let around = Surroundings { variables, ..Surroundings::default() };
        let hook = "[[webhook]]\nid = \"central\"\nurl = \"http://127.0.0.1:8080/\"\nsecret_env = \"SECRET\"\n";
        match parse(Path::new("varco.toml"), &format!("{SITE}{hook}"), &around) {
            Ok(loaded) => loaded.config.webhooks[0].keys.len().to_string(),
            Err(problems) => told(&problems),
        }
    };
    assert_eq!(keys(KEY), "1");
    assert_eq!(keys(&format!("{KEY} {KEY}")), "2");
    expect![[r#"
        webhook.central.secret_env (line 7): this is no secret of Standard Webhooks: whsec_ and 24 to 64 bytes in base64
            make one: echo "whsec_$(openssl rand -base64 32)"
        webhook.central.secret_env (line 7): it holds more than 2 secrets
            keep the secret, or an old and a new one separated by a space
    "#]]
    .assert_eq(&[keys("hunter2"), keys(&format!("{KEY} {KEY} {KEY}"))].concat());
}

#[test]
fn a_hook_says_where_the_values_of_a_classs_news_stand() {
    check(
        r#"[[hook]]
id = "mywellness"
from = "mywellness"
secret_file = "secret"
[hook.class]
day = "calendar_event_partition_date"
user_is = "user"
always = "Booked"
event = "/event"
start_at = "/startDate"
"#,
        expect![[r#"
            hook.mywellness.from (line 6): there is no good [mywellness] to take news for
                write [mywellness] as well
            hook.mywellness.secret_file (line 7): cannot read /nowhere/secrets/secret: No such file or directory (os error 2)
                name a file that is there; a name without a slash is a systemd credential or lies in secrets/ beside this file
            hook.mywellness.class.day (line 9): "calendar_event_partition_date" is no pointer
                write a JSON pointer, as in "/result"
            hook.mywellness.class.user_is (line 10): "user" is not possible here
                possible: "facility_user_id", "user_id", "permanent_token", "external_id"
            hook.mywellness.class.always (line 11): "Booked" is not possible here
                did you mean "booked"? Possible: "booked", "unbooked", "changed"
            hook.mywellness.class.event (line 12): `event` has no use beside `always`
                write one of them
            hook.mywellness.class.start_at (line 13): `start_at` is not a known key
                did you mean `starts_at`?
        "#]],
    );
}

#[test]
fn a_hook_needs_a_sender_a_proof_and_somebody_who_listens() {
    check(
        r#"[[hook]]
id = "mywellness"
from = "mywelness"
[[hook]]
id = "my wellness"
from = "mywellness"
proof = "path"
secret = "0123456789abcdef01234567"
"#,
        expect![[r#"
            hook.mywellness.secret_file (line 4): `secret_file` is missing
                add secret_file = "/path/to/it" (or secret_env)
            hook.mywellness.from (line 6): "mywelness" is not possible here
                did you mean "mywellness"? Possible: "mywellness"
            hook.my wellness.id (line 8): "my wellness" is not a name
                write 1 to 64 characters of a-z, 0-9 and -
            hook.my wellness.from (line 9): there is no good [mywellness] to take news for
                write [mywellness] as well
            hook.my wellness.secret (line 11): a secret does not stand in this file
                put it into a file that only the agent may read, and write secret_file = "/path/to/it"
        "#]],
    );
    let with = |secret: &str, proof: &str| {
        let variables = [("SECRET", secret), ("KEY", "k"), ("PASSWORD", "p")];
        let variables = variables.map(|(name, text)| (name.to_owned(), text.to_owned())).into();
        let around = Surroundings { variables, ..Surroundings::default() };
        let text = format!(
            "{SITE}[mywellness]\nfacility_url = \"clubmilano\"\nusername = \"u\"\napi_key_env = \"KEY\"\npassword_env = \"PASSWORD\"
[[hook]]\nid = \"mw\"\nfrom = \"mywellness\"\nproof = \"{proof}\"\nsecret_env = \"SECRET\"\n"
        );
        match parse(Path::new("varco.toml"), &text, &around) {
            Ok(loaded) => loaded.config.hooks[0].ear.facility_url.clone() + "\n",
            Err(problems) => told(&problems),
        }
    };
    let good = [with("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "signature"), with("0123456789abcdef01234567", "path")];
    assert_eq!(good, ["clubmilano\n", "clubmilano\n"]);
    expect![[r#"
        hook.mw.secret_env (line 13): this is no secret of Standard Webhooks: whsec_ and 24 to 64 bytes in base64
            make one: echo "whsec_$(openssl rand -base64 32)"
        hook.mw.secret_env (line 13): a secret in an address has at least 24 letters, digits, - and _
            make one: openssl rand -hex 24
    "#]]
    .assert_eq(&[with("hunter2", "signature"), with("hunter2/../", "path")].concat());
}
