//! What a reload takes, and what waits for a restart.

use super::*;

#[test]
fn a_reload_takes_policy_at_once_rebuilds_changed_gates_and_names_the_rest() {
    let old = good(&format!("{SITE}{CLUB}"));
    let difference_to = |text: String| difference(&old, &good(&text)).to_string();
    assert_eq!(difference_to(format!("{SITE}[access]\nanti_passback = \"block\"\n{CLUB}")), "policy and texts taken");
    assert_eq!(
        difference_to(format!("{SITE}{}", CLUB.replace("/dev/r2", "/dev/r3"))),
        "policy and texts taken; gates rebuilt when idle: two"
    );
    let other = format!("{}[console]\nlisten = \"127.0.0.1:1\"\n{CLUB}", SITE.replace("milano", "roma"));
    assert_eq!(difference_to(other.clone()), "policy and texts taken; needs a restart: site, console");
    let kept = in_force(&old, good(&other));
    assert_eq!(kept.policy.site.id.as_str(), "milano");
    assert_eq!(kept.console.listen, old.console.listen);
}
