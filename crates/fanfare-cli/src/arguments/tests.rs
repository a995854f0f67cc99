//! What the flags mean, and what is refused.

use clap::CommandFactory;
use clap::error::ErrorKind;

use super::*;

fn parsed(line: &str) -> Result<Cli, ErrorKind> {
    Cli::try_parse_from(line.split(' ')).map_err(|error| error.kind())
}

#[test]
fn the_definition_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn both_helps_name_the_exit_codes() {
    let mut command = Cli::command();
    for help in [command.render_help(), command.render_long_help()] {
        assert!(help.to_string().contains("3 broker unreachable"), "{help}");
    }
}

#[test]
fn a_destination_may_bring_its_patterns() {
    let line = "fanfare topology plan -d hubspot=user.#,order.* -d webhook --subscribe a,b";
    let Command::Topology(TopologyCommand::Plan(plan)) = parsed(line).unwrap().command else {
        panic!("not a plan")
    };
    let own = plan.destinations[0].patterns.as_deref().unwrap();
    assert_eq!((plan.destinations[0].name.as_str(), own.len()), ("hubspot", 2));
    assert_eq!(
        plan.destinations[1],
        DestinationArgument { name: "webhook".into(), patterns: None }
    );
    assert_eq!(plan.subscribe, ["a", "b"]);
}

#[test]
fn global_flags_stand_anywhere() {
    for line in [
        "fanfare --json --namespace x status",
        "fanfare status --json --namespace x",
        "fanfare status -d hubspot --namespace x --json",
    ] {
        let global = parsed(line).unwrap().global;
        assert!(global.json && global.namespace.as_deref() == Some("x"), "{line}");
    }
}

#[test]
fn filters_repeat_and_are_separated_by_commas() {
    let line = "fanfare dlq replay -d hubspot --cause rejected,expired --cause poison --status 4xx";
    let Command::Dlq(DlqCommand::Replay(replay)) = parsed(line).unwrap().command else {
        panic!("not a replay")
    };
    assert_eq!(replay.filter.causes, ["rejected", "expired", "poison"]);
    assert_eq!(replay.filter.statuses, ["4xx"]);
    assert!(!replay.yes && !replay.dry_run);
}

#[test]
fn what_is_incomplete_is_refused() {
    let table = [
        ("fanfare", ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand),
        ("fanfare dlq list", ErrorKind::MissingRequiredArgument),
        ("fanfare dlq discard -d hubspot", ErrorKind::MissingRequiredArgument),
        ("fanfare pause", ErrorKind::MissingRequiredArgument),
        ("fanfare resume --why over", ErrorKind::MissingRequiredArgument),
        ("fanfare publish --type user.registered", ErrorKind::MissingRequiredArgument),
        ("fanfare publish --source /x", ErrorKind::MissingRequiredArgument),
        ("fanfare completions powershell", ErrorKind::InvalidValue),
        ("fanfare replay", ErrorKind::InvalidSubcommand),
        ("fanfare status --verbose", ErrorKind::UnknownArgument),
    ];
    for (line, kind) in table {
        assert_eq!(parsed(line).err(), Some(kind), "{line}");
    }
}
