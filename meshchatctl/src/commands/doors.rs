use meshchat_client::proto::control::{DoorInfo, DoorsRequest, PairingInfo, Request};

use super::expect_reply;
use crate::args::Qr;
use crate::failure::Failure;
use crate::output::escape::escape;
use crate::output::table::{Cell, Column, Table};
use crate::output::time::span;
use crate::output::{note, qr};
use crate::session::Session;

pub(crate) async fn doors(session: &mut Session) -> Result<u8, Failure> {
    const COLUMNS: &[Column] = &[
        Column::left("door"),
        Column::left("address"),
        Column::left("clients"),
        Column::left("pairing"),
        Column::note("further"),
        Column::note("note"),
    ];
    let request = Request::Doors(DoorsRequest::List {});
    let doors = expect_reply!(session.ask(request).await?, Doors);
    if doors.is_empty() && session.out.view.legend && !session.out.view.json {
        note(NO_GATEWAY);
    }
    session.out.list(&doors, |doors| Table::new(COLUMNS, doors.iter().map(row)))?;
    Ok(0)
}

pub(crate) async fn pair(session: &mut Session, when: Qr) -> Result<u8, Failure> {
    let request = Request::Doors(DoorsRequest::Pair {});
    let pairing = expect_reply!(session.ask(request).await?, Pairing);
    let view = &session.out.view;
    if view.json {
        session.out.json(&pairing)?;
        return Ok(0);
    }
    if view.terse {
        session.out.text(&format!("{}\n", escape(&pairing.code)))?;
        return Ok(0);
    }
    let wanted = when == Qr::Always || (when == Qr::Auto && view.terminal);
    // A phone that reads it is another machine.
    let page = pages(&pairing).into_iter().next().filter(|page| wanted && !is_local(page));
    let picture = page.and_then(|page| qr::render(&page, view.color));
    let mut text = words(&pairing);
    text.extend(picture.map(|picture| format!("\n{picture}")));
    session.out.text(&text)?;
    if pairing.doors.is_empty() {
        let request = Request::Doors(DoorsRequest::List {});
        let doors = expect_reply!(session.ask(request).await?, Doors);
        note(if doors.is_empty() { NO_GATEWAY } else { NO_CODES });
    }
    Ok(0)
}

fn words(pairing: &PairingInfo) -> String {
    let code = escape(&pairing.code);
    let mut text = format!("{code}\n\n");
    let pages = pages(pairing);
    let mut lead = "Open in a browser:";
    for page in &pages {
        text.push_str(&format!("{lead:<18}  {}\n", escape(page)));
        lead = "or:";
    }
    if !pages.is_empty() && pages.iter().all(|page| is_local(page)) {
        text.push_str(ONLY_HERE);
    }
    let time = span(pairing.expires_ms);
    text.push_str(&format!(
        "The code lets one browser or program in, within {time}. Whoever has it gets in.\n"
    ));
    text
}

/// Addresses of pages with the code in the part that no browser sends or logs, those that others
/// than this machine can open first.
fn pages(pairing: &PairingInfo) -> Vec<String> {
    let addresses = pairing.doors.iter().flat_map(|door| &door.addresses);
    let is_page =
        |address: &&String| address.starts_with("http://") || address.starts_with("https://");
    let mut pages: Vec<_> = addresses.filter(is_page).collect();
    pages.sort_by_key(|address| is_local(address));
    let pages = pages.into_iter().take(MOST_PAGES);
    pages.map(|page| format!("{page}#{}", pairing.code)).collect()
}

fn is_local(page: &str) -> bool {
    ["//127.", "//localhost", "//[::1]"].iter().any(|local| page.contains(local))
}

fn row(door: &DoorInfo) -> Vec<Cell> {
    let clients = match door.most {
        0 => String::new(),
        most => format!("{} of {most}", door.clients),
    };
    vec![
        Cell::new(&door.name),
        Cell::new(door.addresses.first().map_or("", String::as_str)),
        Cell::new(clients).raw(door.clients),
        Cell::new(if door.pairing { "yes" } else { "no" }),
        Cell::new(door.addresses.get(1..).unwrap_or_default().join(" ")),
        Cell::new(remarks(door)),
    ]
}

fn remarks(door: &DoorInfo) -> String {
    let drops = door.drops.iter().map(|drop| format!("{} {}", drop.count, drop.reason));
    let problem = Some(door.problem.clone()).filter(|problem| !problem.is_empty());
    problem.into_iter().chain(drops).collect::<Vec<_>>().join(", ")
}

const NO_GATEWAY: &str = "no gateway runs here; start it: sudo systemctl start meshchat-gateway (or run meshchat-gateway)";
const NO_CODES: &str =
    "no door here asks for a code: whoever reaches one is in (pairing = \"off\" in gateway.toml)";
const ONLY_HERE: &str = "Only this machine can open it. For others, set listen = \"0.0.0.0:8480\" in [web] of gateway.toml.\n";
/// Addresses that are shown; `doors` has them all.
const MOST_PAGES: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    fn pairing(addresses: &[&str]) -> PairingInfo {
        let door = DoorInfo {
            name: "web".into(),
            addresses: addresses.iter().map(|address| (*address).to_owned()).collect(),
            clients: 0,
            most: 64,
            pairing: true,
            problem: String::new(),
            drops: Vec::new(),
        };
        PairingInfo { code: "K7QF-2MXB".into(), expires_ms: 600_000, doors: vec![door] }
    }

    #[test]
    fn pages_that_others_can_open_come_first() {
        let all = pages(&pairing(&[
            "http://127.0.0.1:8480/",
            "192.0.2.7:6667",
            "https://pi.local:8480/",
        ]));
        assert_eq!(all, ["https://pi.local:8480/#K7QF-2MXB", "http://127.0.0.1:8480/#K7QF-2MXB"]);
    }

    #[test]
    fn a_page_of_this_machine_alone_is_said_to_be_one() {
        assert!(words(&pairing(&["http://127.0.0.1:8480/"])).contains("Only this machine"));
        let text = words(&pairing(&["http://192.0.2.7:8480/", "http://127.0.0.1:8480/"]));
        assert!(text.starts_with("K7QF-2MXB\n") && !text.contains("Only this machine"), "{text}");
        assert!(text.contains("within 10"), "{text}");
    }

    #[test]
    fn nothing_of_a_gateway_is_printed_as_it_is() {
        let text = words(&pairing(&["http://\u{1b}[2J/"]));
        assert!(!text.contains('\u{1b}'), "{text:?}");
    }
}
