//! The controller is built without std and runs: nothing in it, and nothing under it, brings std in.

use std::path::Path;
use std::process::Command;

#[test]
fn a_program_without_std_holds_a_controller_and_it_answers() {
    let proof = Path::new(env!("CARGO_MANIFEST_DIR")).join("no-std");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("no-std");
    let ended = Command::new(env!("CARGO"))
        .args(["run", "--quiet", "--release", "--locked"])
        .current_dir(&proof)
        .env("CARGO_TARGET_DIR", &target)
        .output()
        .expect("cargo built this test");
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
}
