//! The env file and the compose file at the top of the repository go by the catalogue.

use std::collections::{BTreeMap, BTreeSet};

use fanfare_process::catalogue;
use fanfare_process::settings::{Group, IfUnset, Variable};

const FILE: &str = include_str!("../../../config.example.env");
const COMPOSE: &str = include_str!("../../../docker-compose.yml");

fn variables() -> impl Iterator<Item = &'static Variable> {
    catalogue::ALL.iter().flat_map(|group: &Group| group.variables)
}

#[test]
fn it_is_written_from_the_catalogue() {
    assert!(
        FILE == catalogue::example_file(catalogue::ALL),
        "out of date; run `cargo run -p fanfare-process --example config > config.example.env`"
    );
}

#[test]
fn it_lists_every_known_variable_and_no_other() {
    let known: BTreeSet<_> = variables().map(|variable| variable.name).collect();
    assert_eq!(known.len(), variables().count(), "a variable stands in two groups");
    let listed: Vec<_> = FILE
        .lines()
        .map(|line| line.strip_prefix('#').unwrap_or(line))
        .filter_map(|line| line.split_once('='))
        .map(|(name, _)| name)
        .filter(|name| name.chars().all(|c| c.is_ascii_uppercase() || c == '_'))
        .collect();
    assert_eq!(listed.iter().copied().collect::<BTreeSet<_>>(), known);
    assert_eq!(listed.len(), known.len(), "a variable is listed twice");
}

#[test]
fn only_what_has_no_default_is_left_to_fill_in() {
    let set: BTreeMap<_, _> = FILE
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once('='))
        .collect();
    let required: BTreeMap<_, _> = variables()
        .filter(|variable| variable.if_unset == IfUnset::Refused)
        .map(|variable| (variable.name, ""))
        .collect();
    assert_eq!(set, required);
}

#[test]
fn the_compose_file_sets_what_there_is() {
    let ours = ["FANFARE_", "HUBSPOT_", "SENDGRID_", "WEBHOOK_"];
    let set: BTreeSet<_> = COMPOSE
        .lines()
        .filter_map(|line| line.trim_start().split_once(':'))
        .map(|(name, _)| name)
        .filter(|name| ours.iter().any(|prefix| name.starts_with(prefix)))
        .collect();
    assert!(set.contains("WEBHOOK_SECRET_FILE") && set.len() > 10, "the search is wrong: {set:?}");
    let known: BTreeSet<_> = variables()
        .flat_map(|variable| [Some(variable.name.to_owned()), variable.file_form()])
        .flatten()
        .collect();
    let unknown: Vec<_> = set.into_iter().filter(|name| !known.contains(*name)).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}
