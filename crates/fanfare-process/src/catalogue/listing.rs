//! Variables as people read them: `--help` and the example env file.

use std::fmt::Write as _;

use crate::settings::{Group, IfUnset, Variable};

const WIDTH: usize = 80;

const EXAMPLE_HEAD: &str = "\
# Fanfare: every variable, its default and its reason. One file serves all programs.
#
# What is commented out shows the default or, where there is none, an example.
# An empty value counts as unset. Durations are a whole number with ms, s, m, h or d.
# Any variable NAME may be given as NAME_FILE instead, the path of a file that holds
# the value. Prefer that for secrets: the environment of a process is easily seen.
";

/// The part of `--help` that lists the variables of `groups`.
pub fn help(groups: &[Group]) -> String {
    let mut text = String::new();
    for group in groups {
        push(&mut text, format_args!("\n{}\n", group.title));
        for variable in group.variables {
            push(&mut text, format_args!("  {}\n", variable.name));
            for line in wrapped(variable.help, WIDTH - 6) {
                push(&mut text, format_args!("      {line}\n"));
            }
            push(&mut text, format_args!("      [{}]\n", if_unset(variable)));
        }
    }
    text
}

/// The text of `config.example.env` for the variables of `groups`.
pub fn example_file(groups: &[Group]) -> String {
    let mut text = EXAMPLE_HEAD.to_owned();
    for group in groups {
        push(&mut text, format_args!("\n# ---- {} ----\n", group.title));
        for Variable { name, if_unset, example, help, .. } in group.variables {
            text.push('\n');
            for line in wrapped(help, WIDTH - 2) {
                push(&mut text, format_args!("# {line}\n"));
            }
            match if_unset {
                IfUnset::Default(value) => push(&mut text, format_args!("#{name}={value}\n")),
                IfUnset::Means(what) => {
                    push(&mut text, format_args!("# If unset: {what}.\n#{name}={example}\n"));
                }
                IfUnset::Refused => {
                    push(&mut text, format_args!("# Required, such as {example}\n{name}=\n"));
                }
            }
        }
    }
    text
}

fn if_unset(variable: &Variable) -> String {
    match variable.if_unset {
        IfUnset::Default(value) => format!("default: {value}"),
        IfUnset::Means(what) => format!("if unset: {what}"),
        IfUnset::Refused => format!("required, such as {}", variable.example),
    }
}

fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().expect("there is always a first line");
        if line.is_empty() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() <= width {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

fn push(text: &mut String, what: std::fmt::Arguments<'_>) {
    text.write_fmt(what).expect("writing to a string does not fail");
}
