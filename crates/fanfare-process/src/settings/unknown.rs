//! Variables that no program knows: most likely mistyped, so their setting has no effect.

use crate::catalogue;

use super::{Group, Problem, Vars};

const PREFIX: &str = "FANFARE_";

/// Below this similarity (0 to 1) a name is not offered as what was meant.
const MIN_SIMILARITY: f64 = 0.7;

/// A problem for each `FANFARE_` variable that is set but known to nobody.
///
/// One env file serves all programs, so the variables of the others count as known.
pub(super) fn unknown_variables(vars: &dyn Vars, known: &[Group]) -> Vec<Problem> {
    let known = known_names(known);
    let mut unknown: Vec<_> = vars
        .names()
        .into_iter()
        .filter(|name| name.starts_with(PREFIX))
        .filter(|name| !known.contains(name) && !is_service_link(name))
        .collect();
    unknown.sort();
    unknown
        .into_iter()
        .map(|variable| {
            let what = match nearest(&variable, &known) {
                Some(name) => format!("is not known; did you mean {name}?"),
                None => "is not known; --help lists what is".to_owned(),
            };
            Problem { variable, what }
        })
        .collect()
}

fn known_names(groups: &[Group]) -> Vec<String> {
    let variables = groups.iter().chain(catalogue::ALL).flat_map(|group| group.variables);
    variables
        .flat_map(|variable| [Some(variable.name.to_owned()), variable.file_form()])
        .flatten()
        .chain(catalogue::DEVELOPMENT.iter().map(|name| (*name).to_owned()))
        .collect()
}

/// Kubernetes puts such variables into every pod for a Service that is named
/// `fanfare-…`: `FANFARE_GATEWAY_SERVICE_HOST`, `FANFARE_GATEWAY_PORT_80_TCP_ADDR`.
fn is_service_link(name: &str) -> bool {
    let port_number_follows =
        |(_, rest): (&str, &str)| rest.starts_with(|c: char| c.is_ascii_digit());
    name.ends_with("_SERVICE_HOST")
        || name.contains("_SERVICE_PORT")
        || name.ends_with("_PORT")
        || name.split_once("_PORT_").is_some_and(port_number_follows)
}

fn nearest<'a>(name: &str, known: &'a [String]) -> Option<&'a str> {
    // Every name shares the prefix, which would make all of them look alike.
    let own = |name: &str| name.trim_start_matches(PREFIX).to_owned();
    known
        .iter()
        .filter(|candidate| candidate.starts_with(PREFIX))
        .map(|candidate| {
            let similarity = strsim::normalized_damerau_levenshtein(&own(name), &own(candidate));
            (similarity, candidate.as_str())
        })
        .filter(|(similarity, _)| *similarity >= MIN_SIMILARITY)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::settings::Variable;

    fn problems(names: &[&str], known: &[Group]) -> Vec<String> {
        let vars: BTreeMap<_, _> =
            names.iter().map(|name| ((*name).to_owned(), "1".to_owned())).collect();
        unknown_variables(&vars, known).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_mistyped_name_is_answered_with_the_nearest() {
        let table = [
            ("FANFARE_TIMEOT", "FANFARE_TIMEOUT"),
            ("FANFARE_MAX_CONCURENCY", "FANFARE_MAX_CONCURRENCY"),
            ("FANFARE_RETRY_ATEMPTS", "FANFARE_RETRY_ATTEMPTS"),
            ("FANFARE_AMQP_URI", "FANFARE_AMQP_URL"),
            ("FANFARE_ADMIN_ADDRESS", "FANFARE_ADMIN_ADDR"),
            ("FANFARE_AMQP_URL_FIEL", "FANFARE_AMQP_URL_FILE"),
        ];
        for (mistyped, meant) in table {
            assert_eq!(
                problems(&[mistyped], &[]),
                [format!("{mistyped}: is not known; did you mean {meant}?")]
            );
        }
        assert_eq!(
            problems(&["FANFARE_COLOUR"], &[]),
            ["FANFARE_COLOUR: is not known; --help lists what is"]
        );
    }

    #[test]
    fn what_any_program_knows_is_known_to_all() {
        let names: Vec<_> =
            catalogue::ALL.iter().flat_map(|group| group.variables).map(|v| v.name).collect();
        assert!(problems(&names, &[]).is_empty());
        assert!(problems(catalogue::DEVELOPMENT, &[]).is_empty());
        assert!(problems(&["FANFARE_AMQP_URL_FILE", "FANFARE_NAMESPACE_FILE"], &[]).is_empty());
        assert!(problems(&["PATH", "HUBSPOT_PORTAL", "OTEL_SERVICE_NAME"], &[]).is_empty());
    }

    #[test]
    fn a_program_may_know_more() {
        const OWN: Group =
            Group { title: "CRM", variables: &[Variable::required("FANFARE_CRM", "x", "A CRM.")] };
        assert_eq!(problems(&["FANFARE_CRM"], &[]).len(), 1);
        assert!(problems(&["FANFARE_CRM", "FANFARE_CRM_FILE"], &[OWN]).is_empty());
    }

    #[test]
    fn service_links_of_kubernetes_are_not_mistyped_settings() {
        let links = [
            "FANFARE_GATEWAY_SERVICE_HOST",
            "FANFARE_GATEWAY_SERVICE_PORT",
            "FANFARE_GATEWAY_SERVICE_PORT_HTTP",
            "FANFARE_GATEWAY_PORT",
            "FANFARE_GATEWAY_PORT_8080_TCP",
            "FANFARE_GATEWAY_PORT_8080_TCP_ADDR",
        ];
        assert!(problems(&links, &[]).is_empty());
        assert_eq!(problems(&["FANFARE_PORT_NAME"], &[]).len(), 1);
    }
}
