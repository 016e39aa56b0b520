use crate::args::Events;
use crate::failure::Failure;
use crate::session::Session;

pub(crate) async fn events(_session: &mut Session, _args: Events) -> Result<u8, Failure> {
    Ok(0)
}
