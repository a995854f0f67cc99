//! The first lines of a program: its arguments, its refusals, its exit codes.

use std::io::{self, Write};
use std::process::ExitCode;

use crate::catalogue;
use crate::install_crypto_provider;
use crate::settings::{Group, SettingsError};

/// A program as it introduces itself.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    /// The name of the binary.
    pub name: &'static str,
    /// What it does, in one sentence.
    pub about: &'static str,
    /// The variables that it reads.
    pub variables: &'static [Group],
}

/// What the arguments asked for.
#[derive(Debug, PartialEq, Eq)]
pub enum Start {
    /// To run.
    Run {
        /// Only validate settings and connections, then exit.
        check: bool,
    },
    /// Something that has been printed; the program ends with this code.
    Printed(Exit),
}

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// All well.
    Done = 0,
    /// It did not come out as asked.
    Failed = 1,
    /// The arguments or the settings cannot be used.
    Settings = 2,
    /// Something could not be reached.
    Unreachable = 3,
}

const USAGE: &str = "\
Options:
  --check    validate settings and connections, then exit:
             0 all well, 2 settings, 3 something could not be reached
  --help     this text
  --version  the version

Settings come from the environment. An empty value counts as unset; any NAME may
be given as NAME_FILE instead, the path of a file that holds the value.
";

impl Program {
    /// Reads the arguments (the program's own name left out) and prepares the process to run.
    pub fn start(&self, arguments: impl IntoIterator<Item = String>) -> Start {
        let mut check = false;
        for argument in arguments {
            match argument.as_str() {
                "--check" => check = true,
                "--help" | "-h" => return Start::Printed(printed(&self.help())),
                "--version" | "-V" => return Start::Printed(printed(&self.version())),
                unknown => {
                    complain(&format!(
                        "{}: unknown argument `{unknown}`; --help lists what there is\n",
                        self.name
                    ));
                    return Start::Printed(Exit::Settings);
                }
            }
        }
        install_crypto_provider();
        Start::Run { check }
    }

    /// Prints why the settings cannot be used.
    pub fn refuse(&self, error: &SettingsError) -> Exit {
        let count = match error.problems().len() {
            1 => "1 setting needs".to_owned(),
            more => format!("{more} settings need"),
        };
        complain(&format!("{}: {count} attention\n{error}\n", self.name));
        Exit::Settings
    }

    fn help(&self) -> String {
        let Self { name, about, variables } = self;
        format!("{about}\n\nUsage: {name} [--check]\n\n{USAGE}{}", catalogue::help(variables))
    }

    fn version(&self) -> String {
        // All crates of the workspace carry the same version.
        format!("{} {}\n", self.name, env!("CARGO_PKG_VERSION"))
    }
}

fn printed(text: &str) -> Exit {
    match io::stdout().write_all(text.as_bytes()) {
        Ok(()) => Exit::Done,
        Err(_) => Exit::Failed,
    }
}

/// To stderr, without failing where it is closed: the exit code still says it.
fn complain(text: &str) {
    io::stderr().write_all(text.as_bytes()).ok();
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        (exit as u8).into()
    }
}

impl std::process::Termination for Exit {
    fn report(self) -> ExitCode {
        self.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROGRAM: Program = Program {
        name: "fanfare-consumer-example",
        about: "Delivers events to an example.",
        variables: &[catalogue::broker::GROUP, catalogue::hubspot::GROUP],
    };

    fn start(arguments: &[&str]) -> Start {
        PROGRAM.start(arguments.iter().map(|argument| (*argument).to_owned()))
    }

    #[test]
    fn arguments_mean_what_help_says() {
        assert_eq!(start(&[]), Start::Run { check: false });
        assert_eq!(start(&["--check"]), Start::Run { check: true });
        assert_eq!(start(&["--help"]), Start::Printed(Exit::Done));
        assert_eq!(start(&["--check", "-h"]), Start::Printed(Exit::Done));
        assert_eq!(start(&["--version"]), Start::Printed(Exit::Done));
        assert_eq!(start(&["--chekc"]), Start::Printed(Exit::Settings));
        assert_eq!(start(&["--check", "now"]), Start::Printed(Exit::Settings));
    }

    #[test]
    fn help_lists_every_variable_with_its_default() {
        let help = PROGRAM.help();
        for variable in PROGRAM.variables.iter().flat_map(|group| group.variables) {
            assert!(help.contains(&format!("  {}\n", variable.name)), "{}", variable.name);
            if let Some(default) = variable.default() {
                assert!(help.contains(&format!("[default: {default}]\n")), "{}", variable.name);
            }
        }
        assert!(help.contains("[required, such as pat-"));
        assert!(help.contains("[if unset: the system's certificates are trusted]"));
        assert!(!help.contains("SENDGRID_"), "only its own variables");
    }

    #[test]
    fn no_line_of_help_is_wider_than_a_terminal() {
        let program = Program { variables: catalogue::ALL, ..PROGRAM };
        let widest = program.help().lines().map(|line| line.chars().count()).max();
        assert!(widest <= Some(80), "{widest:?}");
    }

    #[test]
    fn exit_codes_are_as_documented() {
        let codes = [Exit::Done, Exit::Failed, Exit::Settings, Exit::Unreachable];
        assert_eq!(codes.map(|exit| exit as u8), [0, 1, 2, 3]);
    }

    #[test]
    fn a_program_that_runs_has_a_tls_provider() {
        start(&[]);
        start(&[]);
        assert!(rustls::crypto::CryptoProvider::get_default().is_some());
    }
}
