//! How much of a small microcontroller's memory a controller takes.

use firmware_proto::from_gate::Kept;
use firmware_proto::gate::Controller;

/// A board with 64 KiB of RAM keeps half of it for stacks and drivers.
const RAM_BYTES_MAX: usize = 32 * 1024;

#[test]
fn a_controller_for_256_events_and_1024_credentials_fits_a_small_board() {
    let whole = size_of::<Controller<256, 1024>>();
    println!("controller {whole} bytes, of which events {} and credentials {}", 256 * size_of::<Kept>(), 1024 * 8);
    assert!(whole <= RAM_BYTES_MAX, "{whole} bytes");
}
