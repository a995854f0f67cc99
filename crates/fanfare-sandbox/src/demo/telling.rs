//! The words of the demo: what stands on the stage, what went wrong, what it comes to.

use std::collections::BTreeMap;

use super::apis::DemoApi;
use super::balance::{Balance, DestinationBalance};
use super::dead_letters::DeadLetter;
use super::file::Remark;
use super::oracle::Account;
use super::screen::{Paint, grouped};
use super::weather;

/// Columns of a reason; with what stands before it a line fits on 80.
const LONGEST_REASON: usize = 52;

/// Lines of the file, and faults of the balance, that are told one by one.
const MOST_TOLD: usize = 10;

pub(super) fn heading(number: usize, text: &str, paint: Paint) -> [String; 2] {
    [String::new(), paint.bold(format!("{number}  {text}"))]
}

/// What the mocks were told to do wrong, as it happened.
pub(super) fn faults(apis: &[DemoApi], paint: Paint) -> Vec<String> {
    let happened = apis.iter().map(|api| (api.name, weather::in_words(&api.mock.log())));
    let happened: Vec<_> = happened.filter(|(_, words)| !words.is_empty()).collect();
    if happened.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![String::new(), paint.dim("  what went wrong on purpose")];
    lines.extend(happened.into_iter().map(|(name, words)| format!("  {name:<9} {words}")));
    lines
}

/// `published = delivered + dead`, for each destination.
pub(super) fn balance(
    balance: &Balance,
    accounts: &[(&'static str, &Account)],
    paint: Paint,
) -> Vec<String> {
    let has_skipped = balance.destinations.values().any(|one| one.skipped > 0);
    let skipped_title = if has_skipped { " +  skipped" } else { "" };
    let head = format!("  {:<9} published = delivered +     dead{skipped_title}", "");
    let mut lines = vec![String::new(), paint.dim(head)];
    for (name, account) in accounts {
        let Some(one) = balance.destinations.get(name) else { continue };
        let DestinationBalance { delivered, dead, replayed, skipped } = *one;
        let (published, total) = (balance.published, delivered + dead + skipped);
        let mut line = format!(
            "  {name:<9} {:>9} = {:>9} + {:>8}",
            grouped(published),
            grouped(delivered),
            grouped(dead),
        );
        if has_skipped {
            line += &format!(" + {:>8}", grouped(skipped));
        }
        let is_good = published == total && account.wrong.is_empty();
        line += &if is_good { paint.green("  ✔") } else { paint.red("  ✘") };
        if replayed > 0 {
            line += &format!("  {} replayed", grouped(replayed));
        }
        lines.push(line);
    }
    lines
}

/// Whose effects happened twice, and why that may be.
pub(super) fn doubles(apis: &[DemoApi], accounts: &[Account], paint: Paint) -> Vec<String> {
    let line = |(api, account): (&DemoApi, &Account)| {
        let why = match (account.doubled, api.is_idempotent) {
            (0, true) => "a contact may be written again",
            (0, false) => "though a mail is sent again",
            (_, true) => "another event changed the contact in between",
            (_, false) => "the API took them and did not answer",
        };
        let doubled = format!("{} delivered twice", grouped(account.doubled));
        format!("  {:<9} {doubled} {}", api.name, paint.dim(format!("({why})")))
    };
    std::iter::once(String::new()).chain(apis.iter().zip(accounts).map(line)).collect()
}

/// The dead letters of a destination by cause, each with a reason as it is written on one.
pub(super) fn dead_letters(name: &str, letters: &[DeadLetter], paint: Paint) -> Vec<String> {
    let mut by_cause: BTreeMap<&str, (usize, &str)> = BTreeMap::new();
    for letter in letters {
        let cause = letter.cause.map_or("unknown", |cause| cause.as_str());
        by_cause.entry(cause).or_insert((0, &letter.reason)).0 += 1;
    }
    let line = |(cause, (count, reason)): (&str, (usize, &str))| {
        let count = paint.red(format!("{count:>3} {cause:<9}"));
        format!("  {name:<9} {count} {}", paint.dim(shortened(reason)))
    };
    by_cause.into_iter().map(line).collect()
}

/// Remarks about lines of the file.
pub(super) fn remarks(remarks: &[Remark]) -> Vec<String> {
    let line = |remark: &Remark| format!("  line {}: {}", remark.line, remark.what);
    some(remarks.len(), remarks.iter().map(line))
}

/// What must not be.
pub(super) fn wrong(wrong: &[String], paint: Paint) -> Vec<String> {
    some(wrong.len(), wrong.iter().map(|what| paint.red(format!("  {what}"))))
}

fn some(count: usize, lines: impl Iterator<Item = String>) -> Vec<String> {
    let mut some: Vec<_> = lines.take(MOST_TOLD).collect();
    if count > MOST_TOLD {
        some.push(format!("  and {} more", grouped(count - MOST_TOLD)));
    }
    some
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(LONGEST_REASON) {
        Some((end, _)) => format!("{}…", text[..end].trim_end()),
        None => text.to_owned(),
    }
}
