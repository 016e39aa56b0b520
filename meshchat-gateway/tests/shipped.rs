//! The configuration that is shipped says what is so.

use meshchat_gateway::config::Config;

/// The file with every key and section switched on.
fn switched_on() -> String {
    let file = include_str!("../../etc/gateway.toml");
    let lines = file.lines().map(|line| match line.strip_prefix('#') {
        Some(rest) if rest.starts_with(|c: char| c.is_ascii_lowercase() || c == '[') => rest,
        _ => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn every_line_is_valid_as_it_is_and_switched_on() {
    let plain: Config = toml::from_str(include_str!("../../etc/gateway.toml")).unwrap();
    assert!(plain.web.enabled && plain.tcp.is_none() && plain.nats.is_none());
    let all: Config = toml::from_str(&switched_on()).unwrap();
    assert!(all.tcp.is_some() && all.websocket.is_some() && all.irc.is_some());
}

#[test]
fn the_values_shown_are_the_defaults() {
    let mut shown: Config = toml::from_str(&switched_on()).unwrap();
    if let Some(nats) = &mut shown.nats {
        // What has no default is shown with an example.
        (nats.credentials_file, nats.ca_file) = (None, None);
    }
    let default: Config = toml::from_str("[tcp]\n[websocket]\n[irc]\n[nats]\n[metrics]\n").unwrap();
    let same = |shown: String, default: String| assert_eq!(shown, default);
    same(format!("{:?}", shown.limits), format!("{:?}", default.limits));
    same(format!("{:?}", shown.tcp), format!("{:?}", default.tcp));
    same(format!("{:?}", shown.websocket), format!("{:?}", default.websocket));
    same(format!("{:?}", shown.nats), format!("{:?}", default.nats));
    same(format!("{:?}", shown.metrics), format!("{:?}", default.metrics));
    same(format!("{:?}", shown.web.listen), format!("{:?}", default.web.listen));
    same(format!("{:?}", shown.web.pairing), format!("{:?}", default.web.pairing));
    same(format!("{:?}", shown.web.tls), format!("{:?}", default.web.tls));
    same(
        format!("{:?}", shown.irc.map(|irc| irc.listen)),
        format!("{:?}", default.irc.map(|irc| irc.listen)),
    );
}
