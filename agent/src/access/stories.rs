//! What the gate says to whom, rule by rule: one change to an ordinary member, and the answer.

mod classes;
mod entitlement;
mod house;
mod person;

use expect_test::{Expect, expect};
use jiff::civil::{date, time};

use super::world::{Scene, action, passage, presence_in, punch_card, subscription};
use super::*;
use crate::domain::*;
use crate::visit::world::{booked, rome, visit_since};

/// The verdict, what the member reads, and every line of the trace that has a reason.
fn told(decision: &Decision) -> String {
    let verdict = match &decision.verdict {
        Verdict::Deny => "Deny".to_owned(),
        Verdict::Grant(grant) => {
            let uses =
                grant.entitlement.as_ref().map_or("nothing".to_owned(), |it| format!("{} {:?}", it.title, it.kind));
            format!("{:?} using {uses}, entering {}", grant.kind, grant.enters.as_ref().map_or("-", |it| it.as_str()))
        }
    };
    let texts: Vec<_> = decision
        .texts
        .iter()
        .map(|text| match text {
            MemberText::Crm { text, .. } => format!("{text:?}"),
            other => format!("{other:?}"),
        })
        .collect();
    let lines = decision
        .trace
        .iter()
        .filter_map(|line| Some(format!("\n{:?} {}: {}", line.severity, line.reason?.code(), line.detail)));
    format!("{:?}: {verdict} | {}{}", decision.way, texts.join(", "), lines.collect::<String>())
}

fn check(reader: &str, change: impl FnOnce(&mut Scene), expected: Expect) {
    let mut scene = Scene::at(reader);
    change(&mut scene);
    expected.assert_eq(&told(&scene.decide()));
}

fn days(days: &str) -> Vec<Hours> {
    vec![Hours { days: days.to_owned().try_into().unwrap(), from: time(6, 0, 0, 0), to: time(23, 0, 0, 0) }]
}
