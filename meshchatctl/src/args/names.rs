//! What can be typed about names and the people one knows.

use clap::Args as ClapArgs;

#[derive(Debug, ClapArgs)]
pub(crate) struct Alias {
    /// The node: its name or id
    pub(crate) node: String,
    /// What you call it from now on
    #[arg(required_unless_present = "remove")]
    pub(crate) name: Option<String>,
    /// Call it by its own name again
    #[arg(long, conflicts_with = "name")]
    pub(crate) remove: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Verify {
    /// The node: its name or id
    pub(crate) node: String,
    /// You have compared the numbers, and they are equal
    #[arg(long)]
    pub(crate) yes: bool,
    /// Let it have the name that another key had before
    #[arg(long)]
    pub(crate) accept: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Who {
    /// A person, as in ann@pi-3, or a node
    #[arg(value_name = "NAME")]
    pub(crate) who: String,
}
