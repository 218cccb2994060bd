//! Nothing: the stories about the whole agent are in `tests/`, the benchmarks in `benches/`.
