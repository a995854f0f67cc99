//! The rules of the house that a compiler does not know.
#![expect(clippy::unwrap_used, reason = "a check that cannot look has failed")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Longer files are split; most are far shorter.
const MAX_LINES: usize = 400;

/// Which of our crates a crate may use, as drawn in ARCHITECTURE.md.
const ARROWS: &[(&str, &[&str])] = &[
    ("fanfare-events", &[]),
    ("fanfare-broker", &[]),
    ("fanfare-process", &["fanfare-broker"]),
    ("fanfare-producer", &["fanfare-broker", "fanfare-events"]),
    ("fanfare-relay", &["fanfare-broker", "fanfare-process", "fanfare-producer"]),
    ("fanfare-delivery", &["fanfare-broker", "fanfare-events", "fanfare-process"]),
    ("fanfare-consumer-", &["fanfare-delivery", "fanfare-events", "fanfare-process"]),
    ("fanfare-cli", &["fanfare-broker", "fanfare-events", "fanfare-process", "fanfare-producer"]),
];

/// They stand outside the house and may look through every window.
const OUTSIDE: &[&str] = &[
    "fanfare-bench",
    "fanfare-chaos",
    "fanfare-examples",
    "fanfare-sandbox",
    "fanfare-tests",
    "xtask",
];

/// Where the environment may be read: settings, and what runs the tests.
const READS_ENVIRONMENT: &[&str] = &["crates/fanfare-process/", "tests/", "xtask/"];

#[test]
fn arrows_between_crates_only_point_where_the_architecture_says() {
    for (name, dependencies) in packages() {
        if OUTSIDE.contains(&name.as_str()) {
            continue;
        }
        let arrows = ARROWS.iter().find(|(crate_name, _)| {
            name == *crate_name || (crate_name.ends_with('-') && name.starts_with(crate_name))
        });
        let (_, allowed) =
            arrows.unwrap_or_else(|| panic!("{name} is not drawn in ARCHITECTURE.md and ARROWS"));
        let ours = dependencies.iter().filter(|name| is_ours(name));
        let forbidden: Vec<_> = ours.filter(|name| !allowed.contains(&name.as_str())).collect();
        assert!(forbidden.is_empty(), "{name} must not depend on {forbidden:?}");
    }
}

#[test]
fn only_the_broker_crate_depends_on_lapin() {
    let users: Vec<String> = packages()
        .into_iter()
        .filter(|(_, dependencies)| dependencies.contains("lapin"))
        .map(|(name, _)| name)
        .collect();
    // The baseline of the benchmark is what one writes without Fanfare.
    assert_eq!(users, ["fanfare-bench", "fanfare-broker"]);
}

#[test]
fn every_file_opens_by_saying_what_it_is_for() {
    let silent = offenders(|file| !file.text.starts_with("//! "));
    assert_eq!(silent, NONE, "these files do not open with a `//!` line");
}

#[test]
fn no_file_is_too_long_to_read_in_one_sitting() {
    let long = offenders(|file| !file.is_test && file.code().count() > MAX_LINES);
    assert_eq!(long, NONE, "these files have more than {MAX_LINES} lines; split them");
}

#[test]
fn only_settings_read_the_environment() {
    let reads = |line: &str| {
        ["env::var(", "env::var_os(", "env::vars("].iter().any(|call| line.contains(call))
    };
    let readers = offenders(|file| {
        !file.is_test
            && !READS_ENVIRONMENT.iter().any(|room| file.path.starts_with(room))
            && file.code().any(reads)
    });
    assert_eq!(
        readers, NONE,
        "settings are read through fanfare-process, which reports every problem together"
    );
}

#[test]
fn the_engine_names_no_api() {
    let names = |line: &str| {
        let line = line.to_lowercase();
        !line.trim_start().starts_with("//")
            && (line.contains("hubspot") || line.contains("sendgrid"))
    };
    let naming = offenders(|file| {
        file.path.starts_with("crates/fanfare-delivery/src/")
            && !file.is_test
            && file.code().any(names)
    });
    assert_eq!(naming, NONE, "what is special about an API belongs into its consumer");
}

const NONE: [String; 0] = [];

/// A Rust file of the workspace.
struct Source {
    /// From the root of the workspace, with slashes.
    path: String,
    text: String,
    is_test: bool,
}

impl Source {
    /// The lines before the unit tests, which every file of this house has at its end.
    fn code(&self) -> impl Iterator<Item = &str> {
        self.text.lines().take_while(|line| !line.starts_with("#[cfg(test)]"))
    }
}

fn offenders(offends: impl Fn(&Source) -> bool) -> Vec<String> {
    let sources = sources();
    assert!(
        sources.len() > 20,
        "only {} Rust files found, the search must be wrong",
        sources.len()
    );
    sources.into_iter().filter(|file| offends(file)).map(|file| file.path).collect()
}

fn sources() -> Vec<Source> {
    let root = root();
    let mut paths = Vec::new();
    for room in ["chaos", "crates", "tests", "xtask"] {
        collect(&root.join(room), &mut paths);
    }
    let source = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        let path = path.strip_prefix(&root).unwrap().to_string_lossy().replace('\\', "/");
        let is_test = path.starts_with("tests/")
            || path.split('/').any(|part| matches!(part, "tests" | "tests.rs" | "benches"));
        Source { path, text, is_test }
    };
    paths.into_iter().map(source).collect()
}

fn collect(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("target") {
            collect(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
}

/// Our crates with everything that they use outside of tests.
fn packages() -> Vec<(String, BTreeSet<String>)> {
    let metadata = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(metadata.status.success(), "{}", String::from_utf8_lossy(&metadata.stderr));
    let metadata: Value = serde_json::from_slice(&metadata.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    packages.iter().map(|package| (text(&package["name"]), dependencies(package))).collect()
}

fn dependencies(package: &Value) -> BTreeSet<String> {
    let dependencies = package["dependencies"].as_array().unwrap();
    // Cargo gives the plain kind no name.
    let of_the_program = dependencies.iter().filter(|dependency| dependency["kind"] != "dev");
    of_the_program.map(|dependency| text(&dependency["name"])).collect()
}

fn is_ours(name: &str) -> bool {
    name.starts_with("fanfare-") || name == "xtask"
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

#[test]
fn the_code_in_the_readme_is_the_code_of_the_examples() {
    let lines = |text: &str| text.lines().map(|line| line.trim().to_owned()).collect::<Vec<_>>();
    let examples: Vec<_> = ["sign-up", "sign-up-service/sign_up", "crm"]
        .map(|name| fs::read_to_string(root().join(format!("examples/src/bin/{name}.rs"))).unwrap())
        .iter()
        .flat_map(|text| lines(text))
        .collect();
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let blocks: Vec<_> =
        readme.split("```rust\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert_eq!(blocks.len(), 3, "one for the producer, the outbox and the destination");
    for block in blocks {
        let block = lines(block);
        let stands = examples.windows(block.len()).any(|window| window == block);
        assert!(stands, "this block stands in no example:\n{}", block.join("\n"));
    }
}

#[test]
fn every_test_that_the_guarantees_name_exists() {
    let guarantees = fs::read_to_string(root().join("docs/GUARANTEES.md")).unwrap();
    let (_, proofs) = guarantees.split_once("## Which test proves it").unwrap();
    let mut named = 0;
    for row in proofs.lines().filter(|line| line.starts_with('|')) {
        let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [.., file, test] = cells.as_slice() else { panic!("no place and no test in {row}") };
        let quoted = |cell: &str| cell.strip_prefix('`')?.strip_suffix('`').map(str::to_owned);
        let (Some(file), Some(test)) = (quoted(file), quoted(test)) else { continue };
        named += 1;
        let text = fs::read_to_string(root().join(&file)).unwrap_or_default();
        // A row of a macro is its name and a colon.
        let stands = [format!("fn {test}("), format!("    {test}:")];
        assert!(stands.iter().any(|it| text.contains(it)), "{file} has no test {test}");
    }
    assert!(named > 50, "only {named} tests are named, the table must have moved");
}

#[test]
fn every_planted_bug_fits_the_sources_and_says_what_it_violates() {
    let bugs: Vec<_> = fs::read_dir(root().join("chaos/planted"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "patch"))
        .collect();
    assert!(bugs.len() >= 5, "only {} bugs are planted", bugs.len());
    for bug in bugs {
        let text = fs::read_to_string(&bug).unwrap();
        assert!(text.contains("\nViolates: I"), "{} names no invariant", bug.display());
        let mut git = Command::new("git");
        let applied = git.args(["apply", "--check"]).arg(&bug).current_dir(root()).output();
        let applied = applied.unwrap();
        let why = String::from_utf8_lossy(&applied.stderr);
        assert!(applied.status.success(), "{} is to be written anew: {why}", bug.display());
    }
}
