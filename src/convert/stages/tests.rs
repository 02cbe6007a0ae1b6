//! The stages that the benchmark measures still work; how fast is of no interest here.

use super::{all, texts};

#[test]
fn every_stage_of_the_benchmark_does_its_work_and_has_a_name_of_its_own() {
    let mut stages = all(20_000);
    let mut names: Vec<_> = stages.iter().map(super::Stage::name).collect();
    for stage in &mut stages {
        assert!(stage.bytes() > 0 && !stage.time(2).is_zero(), "{}", stage.name());
    }
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), stages.len());
}

#[test]
fn the_texts_of_the_benchmark_are_json_and_as_long_as_they_should_be() {
    for make in [texts::quotes, texts::posts, texts::events, texts::large_integers] {
        let text = make(20_000);
        assert!((20_000..21_000).contains(&text.len()));
        for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            serde_json::from_slice::<serde_json::Value>(line).unwrap();
        }
    }
    let document: Vec<serde_json::Value> = serde_json::from_slice(&texts::document(20_000)).unwrap();
    assert_eq!(document.len(), texts::quotes(20_000).split(|byte| *byte == b'\n').count() - 1);
}
