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
        Column::left("note"),
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
    let page = pages(&pairing).next().filter(|_| wanted);
    let picture = page.and_then(|page| qr::render(&page, view.color));
    let mut text = words(&pairing);
    text.extend(picture.map(|picture| format!("\n{picture}")));
    session.out.text(&text)?;
    if pairing.doors.is_empty() {
        note(NO_GATEWAY);
    }
    Ok(0)
}

fn words(pairing: &PairingInfo) -> String {
    let code = escape(&pairing.code);
    let mut text = format!("{code}\n\n");
    for page in pages(pairing) {
        text.push_str(&format!("Open in a browser:   {}\n", escape(&page)));
    }
    let time = span(pairing.expires_ms);
    text.push_str(&format!(
        "The code lets one browser or program in, within {time}. Whoever has it gets in.\n"
    ));
    text
}

/// Addresses of pages with the code in the part that no browser sends or logs, those that others
/// than this machine can open first.
fn pages(pairing: &PairingInfo) -> impl Iterator<Item = String> {
    let addresses = pairing.doors.iter().flat_map(|door| &door.addresses);
    let mut pages: Vec<_> = addresses.filter(|address| address.starts_with("http")).collect();
    pages.sort_by_key(|address| address.contains("//127.") || address.contains("//localhost"));
    pages.into_iter().map(|page| format!("{page}#{}", pairing.code)).collect::<Vec<_>>().into_iter()
}

fn row(door: &DoorInfo) -> Vec<Cell> {
    let clients = match door.most {
        0 => String::new(),
        most => format!("{} of {most}", door.clients),
    };
    vec![
        Cell::new(&door.name),
        Cell::new(door.addresses.join(" ")),
        Cell::new(clients).raw(door.clients),
        Cell::new(if door.pairing { "yes" } else { "no" }),
        Cell::new(remarks(door)),
    ]
}

fn remarks(door: &DoorInfo) -> String {
    let drops = door.drops.iter().map(|drop| format!("{} {}", drop.count, drop.reason));
    let problem = Some(door.problem.clone()).filter(|problem| !problem.is_empty());
    problem.into_iter().chain(drops).collect::<Vec<_>>().join(", ")
}

const NO_GATEWAY: &str = "no gateway runs here; start it: sudo systemctl start meshchat-gateway (or run meshchat-gateway)";
