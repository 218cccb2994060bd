//! Links the C library alone: its start of programs, and the `memcpy` that a compiler takes for granted.

fn main() {
    println!("cargo::rustc-link-arg=-lc");
}
