//! The order in which steps run, and what makes it impossible.

use std::{
    cmp::Reverse,
    collections::{BTreeSet, BinaryHeap},
};

use super::{Graph, Target};
use crate::{
    check::step::{Kind, StepDraft},
    code::Code,
    diagnostic::Diagnostic,
    mistakes::Mistakes,
    words::printable,
};

/// Reports transform steps that read each other.
///
/// Only transforms can: a step of another kind is never the input of one of its own kind. Each has
/// one input, so following the inputs from every step finds every circle.
pub(super) fn check_cycles(graph: &Graph<'_, '_>, mistakes: &mut Mistakes) {
    let mut done: BTreeSet<usize> = BTreeSet::new();
    for start in 0..graph.steps.len() {
        let mut way: Vec<usize> = Vec::new();
        let mut on_way: BTreeSet<usize> = BTreeSet::new();
        let mut next = Some(start);
        while let Some(index) = next.filter(|index| !done.contains(index)) {
            if !on_way.insert(index) {
                let circle = way.iter().position(|step| *step == index);
                add_cycle(graph, &way[circle.unwrap_or_default()..], mistakes);
                break;
            }
            way.push(index);
            next = transform_input(graph, &graph.steps[index]);
        }
        done.extend(way);
    }
}

/// Returns the transform step that a transform step reads.
fn transform_input(graph: &Graph<'_, '_>, step: &StepDraft<'_>) -> Option<usize> {
    if step.kind != Some(Kind::Transform) {
        return None;
    }
    match graph.find(step.input())? {
        Target::Step(index) if graph.steps[index].kind == Some(Kind::Transform) => Some(index),
        _ => None,
    }
}

/// `circle` goes from each step to the one it reads; it is told from the step that is first in the
/// file, in the direction in which rows would flow.
fn add_cycle(graph: &Graph<'_, '_>, circle: &[usize], mistakes: &mut Mistakes) {
    let first = circle
        .iter()
        .min()
        .and_then(|first| circle.iter().position(|step| step == first));
    let Some(first) = first else { return };
    let from_first = circle.iter().cycle().skip(first).take(circle.len() + 1);
    let mut names: Vec<String> = from_first
        .map(|step| printable(graph.steps[*step].name.unwrap_or_default()))
        .collect();
    names.reverse();
    let message = format!("transform steps read each other: {}", names.join(" -> "));
    let mut others = circle.iter().cycle().skip(first).take(circle.len());
    let Some(first) = others.next() else { return };
    let span = graph.steps[*first].place().value_span("input");
    let mut mistake =
        Diagnostic::new(Code::Cycle, span, message).with_help("one of them must read a source");
    for other in others {
        let span = graph.steps[*other].place().value_span("input");
        mistake = mistake.with_label(span, "and here");
    }
    mistakes.add(mistake);
}

/// Returns the steps so that each comes after those it depends on, otherwise in the order of the
/// file. Steps in a circle are left out.
pub(super) fn order(graph: &Graph<'_, '_>) -> Vec<usize> {
    let mut dependents: Vec<Vec<usize>> = vec![Vec::new(); graph.steps.len()];
    let mut waiting: Vec<usize> = vec![0; graph.steps.len()];
    for (index, step) in graph.steps.iter().enumerate() {
        for name in [step.input(), step.lookup(), step.target()] {
            if let Some(Target::Step(dependency)) = graph.find(name) {
                dependents[dependency].push(index);
                waiting[index] += 1;
            }
        }
    }
    let ready = (0..waiting.len()).filter(|index| waiting[*index] == 0);
    let mut ready: BinaryHeap<Reverse<usize>> = ready.map(Reverse).collect();
    let mut order = Vec::with_capacity(graph.steps.len());
    while let Some(Reverse(index)) = ready.pop() {
        order.push(index);
        for dependent in &dependents[index] {
            waiting[*dependent] -= 1;
            if waiting[*dependent] == 0 {
                ready.push(Reverse(*dependent));
            }
        }
    }
    order
}
