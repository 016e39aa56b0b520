use crate::args::Rollcall;
use crate::failure::Failure;
use crate::session::Session;

pub(crate) async fn rollcall(_session: &mut Session, _args: Rollcall) -> Result<u8, Failure> {
    Ok(0)
}
