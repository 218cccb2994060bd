//! Holds what the compiler cannot hold inside one crate: the order of modules, purity, and the manners of files.
//!
//! Each test names every place that breaks its rule, so that one run tells all of them.

mod layers;
mod licences;
mod manners;
mod meanings;
mod requirements;
mod source;
