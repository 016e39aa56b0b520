use clap::Args as ClapArgs;

#[derive(Debug, ClapArgs)]
pub(crate) struct Chat {
    /// The room to begin with [default: where you were the last time, else #lobby]
    pub(crate) room: Option<String>,
}
