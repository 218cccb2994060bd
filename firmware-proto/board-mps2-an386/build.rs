//! Puts the memory layout where the linker looks for it.

use std::path::Path;

fn main() {
    let here = std::env::var("CARGO_MANIFEST_DIR").expect("cargo says where the crate is");
    println!("cargo::rustc-link-search={here}");
    println!("cargo::rerun-if-changed={}", Path::new(&here).join("memory.x").display());
}
