use crate::args::Bugreport;
use crate::failure::Failure;
use crate::session::Session;

pub(crate) async fn bugreport(
    _session: &mut Session,
    _args: Bugreport,
    _instance: Option<&str>,
) -> Result<u8, Failure> {
    Ok(0)
}
