//! The programs on disk.

use meshchat_tests::program;

use crate::stats::float;
use crate::table::{Table, Target};

pub(crate) fn measure(table: &mut Table) {
    for (name, target) in [("meshchatd", Target::Below(5.0)), ("meshchatctl", Target::Below(4.0))] {
        let bytes = std::fs::metadata(program(name)).unwrap().len();
        table.row(format!("{name}, stripped"), float(bytes) / 1e6, "MB", target, "");
    }
}
