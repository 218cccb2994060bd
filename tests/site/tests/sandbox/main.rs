//! The Mywellness sandbox against the third-party contract, and each fault as a caller meets it.

mod alone;
mod caller;
mod contract;
mod control;
mod faults;
mod portal;
mod scale;
