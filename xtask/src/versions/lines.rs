//! The lines of RabbitMQ that are tried, and where each comes from.

/// The oldest one that is supported, the first of its major version, and the newest one.
pub(super) const LINES: [Line; 3] = [
    Line { name: "3.10", source: Source::Package },
    Line { name: "4.0", source: Source::Image { suite: "trixie" } },
    Line { name: "4.3", source: Source::Image { suite: "sid" } },
];

/// All releases that begin with the same two numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) name: &'static str,
    pub(super) source: Source,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// The package of the system, Debian 12: a process.
    Package,
    /// An image made from a suite of Debian's: containers.
    Image { suite: &'static str },
}

impl Line {
    pub(super) fn image(self) -> Option<String> {
        match self.source {
            Source::Package => None,
            Source::Image { .. } => Some(format!("rabbitmq-local:{}", self.name)),
        }
    }

    pub(super) fn has(self, version: &str) -> bool {
        version.strip_prefix(self.name).is_some_and(|rest| rest.starts_with('.'))
    }
}

/// Those that were asked for, or all where nothing was.
pub(super) fn chosen(names: &[String]) -> Result<Vec<Line>, String> {
    let mut names = names.iter().map(|name| name.trim()).filter(|name| !name.is_empty()).peekable();
    if names.peek().is_none() {
        return Ok(LINES.to_vec());
    }
    let known = |name| LINES.into_iter().find(|line| line.name == name);
    names.map(|name| known(name).ok_or_else(|| name.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(asked: &[&str]) -> Result<Vec<&'static str>, String> {
        let asked: Vec<_> = asked.iter().map(ToString::to_string).collect();
        Ok(chosen(&asked)?.into_iter().map(|line| line.name).collect())
    }

    #[test]
    fn nothing_asked_for_is_everything() {
        assert_eq!(names(&[]), names(&["3.10", "4.0", "4.3"]));
        assert_eq!(names(&[""]), names(&[]));
        assert_eq!(names(&["4.3", " 3.10"]), Ok(vec!["4.3", "3.10"]));
    }

    #[test]
    fn a_line_that_nobody_knows_is_no_choice() {
        assert_eq!(names(&["3.10", "3.1"]), Err("3.1".to_owned()));
    }

    #[test]
    fn a_version_belongs_to_the_line_of_its_first_two_numbers() {
        let [oldest, ..] = LINES;
        assert!(oldest.has("3.10.8"));
        assert!(!oldest.has("3.1.10") && !oldest.has("3.100.1") && !oldest.has("4.3.10"));
    }
}
