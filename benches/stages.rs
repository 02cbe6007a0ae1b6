//! Each stage of a conversion by itself, on one core: `make bench-stages`.
//!
//! What the stages are, and on what they work, is in `src/convert/stages/`. Speeds are in bytes of JSON text, so that the
//! stages can be compared with each other. Each run tells what changed since the one before;
//! `make bench-stages STAGE=escapes` runs those of that name only.

use std::time::Duration;

use criterion::{Criterion, Throughput};
use h5inbox::convert::stages;

/// What a conversion has in hand at a time.
const BATCH_BYTES: usize = 1 << 20;

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    let mut group = criterion.benchmark_group("stages");
    for mut stage in stages::all(BATCH_BYTES) {
        group.throughput(Throughput::Bytes(stage.bytes()));
        group.bench_function(stage.name(), |bencher| bencher.iter_custom(|times| stage.time(times)));
    }
    group.finish();
    criterion.final_summary();
}
