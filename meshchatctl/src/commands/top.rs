use crate::args::Top;
use crate::failure::Failure;
use crate::session::Session;

pub(crate) async fn top(_session: &mut Session, _args: Top) -> Result<u8, Failure> {
    Ok(0)
}
