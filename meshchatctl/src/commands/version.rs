use meshchat_client::Client;
use meshchat_client::proto::control::VERSION;
use serde::Serialize;

use crate::failure::Failure;
use crate::output::escape::escape;
use crate::output::note;
use crate::session::Session;

pub(crate) async fn version(session: &mut Session) -> Result<u8, Failure> {
    #[derive(Serialize)]
    struct Versions<'a> {
        meshchatctl: &'static str,
        meshchatd: Option<&'a str>,
        control_protocol: u16,
    }
    let ours = env!("CARGO_PKG_VERSION");
    let result = Client::connect_any(&session.paths).await;
    let theirs = result.as_ref().ok().map(|client| release(&client.welcome().software).to_owned());
    if session.out.view.json {
        let (meshchatctl, meshchatd) = (ours, theirs.as_deref());
        session.out.json(&Versions { meshchatctl, meshchatd, control_protocol: VERSION })?;
    }
    session.out.say(&format!("meshchatctl {ours}"))?;
    if let Some(theirs) = &theirs {
        session.out.say(&format!("meshchatd {}", escape(theirs)))?;
        if theirs != ours {
            note(
                "meshchatctl and meshchatd are of different releases; restart meshchatd after an update",
            );
        }
    }
    match result {
        Ok(_) => Ok(0),
        Err(error) => Err(error.into()),
    }
}

/// The release alone, of what a daemon says about itself: `meshchatd 0.1.0`.
pub(super) fn release(software: &str) -> &str {
    software.strip_prefix("meshchatd ").unwrap_or(software)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_is_compared_without_the_name_of_the_program() {
        assert_eq!(release("meshchatd 0.1.0"), "0.1.0");
        assert_eq!(release("other 2"), "other 2");
    }
}
