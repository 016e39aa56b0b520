//! Commands in advice, as they are right for the node that this command line names.

use std::borrow::Cow;

/// `line` with the commands in it made right for one of several nodes on this machine.
pub(crate) fn advise<'a>(instance: Option<&str>, line: &'a str) -> Cow<'a, str> {
    // Whatever else was typed is no instance, and a shell might take it apart.
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let Some(name) = instance.filter(|name| name.chars().all(plain)) else { return line.into() };
    if ELSEWHERE.iter().any(|start| line.starts_with(start)) {
        return line.into();
    }
    units(name, line)
        .replace("meshchatctl ", &format!("meshchatctl --instance {name} "))
        .replace("run meshchatd yourself", &format!("run meshchatd --instance {name} yourself"))
        .into()
}

/// `line` with the unit of this node, where systemd is asked for that of the only one.
fn units(name: &str, line: &str) -> String {
    let mut before = ["", ""];
    let words = line.split_inclusive(' ').map(|word| {
        let is_unit =
            word.trim_end() == "meshchatd" && (before[1] == "-u" || before[0] == "systemctl");
        before = [before[1], word.trim_end()];
        if is_unit {
            word.replacen("meshchatd", &format!("meshchatd@{name}"), 1)
        } else {
            word.into()
        }
    });
    words.collect()
}

/// How advice begins that is for another machine.
const ELSEWHERE: [&str; 6] =
    ["ask ", "check that ", "do it where", "on that machine", "on the machine", "see what that "];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_name_the_node_that_was_named() {
        let line = "see: meshchatctl peers, journalctl -u meshchatd -n 20";
        let lab = "see: meshchatctl --instance lab peers, journalctl -u meshchatd@lab -n 20";
        assert_eq!(advise(Some("lab"), line), lab);
        assert_eq!(advise(None, line), line);
        assert_eq!(advise(Some("a b"), line), line);
        let other = "ask for a new one: meshchatctl invite";
        assert_eq!(advise(Some("lab"), other), other);
        let start = "start it:   sudo systemctl start meshchatd   (or run meshchatd yourself)";
        let wanted = "start it:   sudo systemctl start meshchatd@lab   (or run meshchatd --instance lab yourself)";
        assert_eq!(advise(Some("lab"), start), wanted);
        let restart = "sudo systemctl restart meshchatd";
        assert_eq!(advise(Some("lab"), restart), "sudo systemctl restart meshchatd@lab");
        let others = "on that machine: sudo systemctl start meshchatd";
        assert_eq!(advise(Some("lab"), others), others);
    }
}
