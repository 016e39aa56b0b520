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
    line.replace("meshchatctl ", &format!("meshchatctl --instance {name} "))
        .replace("-u meshchatd ", &format!("-u meshchatd@{name} "))
        .replace("systemctl start meshchatd ", &format!("systemctl start meshchatd@{name} "))
        .replace("run meshchatd yourself", &format!("run meshchatd --instance {name} yourself"))
        .into()
}

/// How advice begins that is for another machine.
const ELSEWHERE: [&str; 3] = ["ask ", "do it where", "on the machine"];

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
    }
}
