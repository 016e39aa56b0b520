//! What a client costs that is connected and does nothing.

use crate::control::Control;
use crate::stats::float;
use crate::table::{Table, Target};
use crate::{mesh, proc};

pub(crate) fn measure(table: &mut Table) {
    let mut node = mesh::start(meshchat_tests::Daemon::builder("hub"));
    let pid = node.process().pid();
    let mut clients = vec![Control::connect(&node.socket())];
    mesh::status(&node, "clients");
    let one = proc::rss_kib(pid);
    clients.extend((0..MORE).map(|_| Control::connect(&node.socket())));
    mesh::status(&node, "clients");
    let each = (proc::rss_kib(pid) - one) / float(MORE);
    let note = format!("{} clients against one, all greeted", clients.len());
    table.row("memory per idle client", each, "KiB", Target::Most(4.0), note);
}

const MORE: usize = 100;
