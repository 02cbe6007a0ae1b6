//! Totals as a tree: the workers' time, the parts of the way, their stages, and the files that cost most there.

use serde::Serialize;

use super::data::micros;
use super::report::Report;
use super::stage::Stage;
use super::sum::Top;

/// A part of the time. Its children are parts of it and may leave some of it unnamed.
#[derive(Debug, Serialize)]
pub(super) struct Node {
    name: String,
    us: u64,
    /// The stage, for its colour.
    #[serde(skip_serializing_if = "Option::is_none")]
    stage: Option<usize>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    parts: Vec<Node>,
}

/// The tree of `report`. Parts of no time are left out.
pub(super) fn icicle(report: &Report) -> Node {
    let times = report.sum.times();
    let mut groups: Vec<Node> = Vec::new();
    for stage in Stage::ALL.into_iter().filter(|stage| *stage != Stage::Helpers && micros(times.of(*stage)) > 0) {
        let node = of_stage(stage, micros(times.of(stage)), &report.sum.costliest[stage as usize]);
        match groups.iter_mut().find(|group| group.name == stage.group()) {
            Some(group) => group.take(node),
            None => groups.push(Node { name: stage.group().to_owned(), us: node.us, stage: None, parts: vec![node] }),
        }
    }
    if micros(report.idle) > 0 {
        groups.push(Node { name: "idle".to_owned(), us: micros(report.idle), stage: None, parts: Vec::new() });
    }
    let us = groups.iter().map(|group| group.us).sum();
    Node { name: "workers' time".to_owned(), us, stage: None, parts: groups }
}

impl Node {
    fn take(&mut self, part: Self) {
        self.us += part.us;
        self.parts.push(part);
    }
}

fn of_stage(stage: Stage, us: u64, costliest: &Top<String>) -> Node {
    let entries = costliest.entries().iter().filter(|(time, _)| micros(*time) > 0);
    let file = |(time, name): &(u64, String)| Node {
        name: name.clone(),
        us: micros(*time),
        stage: Some(stage as usize),
        parts: Vec::new(),
    };
    Node { name: stage.label().to_owned(), us, stage: Some(stage as usize), parts: entries.map(file).collect() }
}
