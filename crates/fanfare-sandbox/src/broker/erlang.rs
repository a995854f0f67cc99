//! What the node is asked in its own language: short, idempotent expressions.
//!
//! `rabbitmqctl` would do the same, but starts an Erlang machine of its own for each call.

use super::Permissions;

/// What every expression here answers when it did what it says.
pub(super) const DONE: &str = "done";

/// Recorded by the broker as the author of a change.
const ACTOR: &str = "fanfare-sandbox";

pub(super) fn add_vhost(name: &str, user: &str) -> String {
    let everything = Permissions { configure: ".*", write: ".*", read: ".*" };
    format!(
        "ok = rabbit_vhost:add({}, {}), {}, {DONE}.",
        binary(name),
        binary(ACTOR),
        permit(user, name, everything)
    )
}

pub(super) fn delete_vhost(name: &str) -> String {
    // An `ok` in 3.x and 4.0, a promise that is kept in the background where it is not.
    format!("rabbit_vhost:delete({}, {}), {DONE}.", binary(name), binary(ACTOR))
}

pub(super) fn add_user(
    name: &str,
    password: &str,
    vhost: &str,
    permissions: Permissions<'_>,
) -> String {
    format!(
        "ok = rabbit_auth_backend_internal:add_user({}, {}, {}), {}, {DONE}.",
        binary(name),
        binary(password),
        binary(ACTOR),
        permit(name, vhost, permissions)
    )
}

/// Sets the watermark to nothing, or back to what the configuration says.
pub(super) fn memory_alarm(raised: bool) -> String {
    let watermark = if raised {
        "0.0"
    } else {
        "element(2, application:get_env(rabbit, vm_memory_high_watermark))"
    };
    format!("vm_memory_monitor:set_vm_memory_high_watermark({watermark}), {DONE}.")
}

/// Answers [`DONE`] once the memory alarm is as said.
pub(super) fn memory_alarm_is(raised: bool) -> String {
    format!(
        "case [A || {{{{resource_limit, memory, _}}, _}} = A <- rabbit_alarm:get_alarms()] =/= [] \
         of {raised} -> {DONE}; _ -> not_yet end."
    )
}

fn permit(user: &str, vhost: &str, permissions: Permissions<'_>) -> String {
    format!(
        "ok = rabbit_auth_backend_internal:set_permissions({}, {}, {}, {}, {}, {})",
        binary(user),
        binary(vhost),
        binary(permissions.configure),
        binary(permissions.write),
        binary(permissions.read),
        binary(ACTOR)
    )
}

/// A binary written as numbers, so that no name needs quoting.
fn binary(text: &str) -> String {
    let bytes: Vec<String> = text.bytes().map(|byte| byte.to_string()).collect();
    format!("<<{}>>", bytes.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_leave_its_quotes() {
        assert_eq!(binary("a\">>é"), "<<97,34,62,62,195,169>>");
        assert_eq!(binary(""), "<<>>");
    }

    #[test]
    fn every_expression_ends_with_the_agreed_answer() {
        let everything = Permissions { configure: ".*", write: ".*", read: ".*" };
        for expression in [
            add_vhost("v", "guest"),
            delete_vhost("v"),
            add_user("u", "p", "v", everything),
            memory_alarm(true),
        ] {
            assert!(expression.ends_with(", done."), "{expression}");
        }
    }
}
