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
            mywellness.send (line 12): sending photos is not supported by this version
                remove it: Technogym gives the actions for it only to integrators
            mywellness.requests_per_second (line 13): 0 is out of range
                write 1 to 1000
            mywellness.group_ids (line 14): this is a text
                write a whole number, without quotes
            mywellness.selection.group (line 15): `group` is missing
                add group = "…", the group's name
            webhook.central.id (line 18): webhooks are not supported by this version
                remove [[webhook]]; [mqtt] relays the same events
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
