//! Requests about the network that the node belongs to.

use alloc::string::String;

use meshchat_proto::control::{Error, ErrorCode, NetworkInfo, NetworkRequest, Reply};

use crate::env::Env;
use crate::io::SessionId;
use crate::node::Node;
use crate::time::Now;

impl<E: Env> Node<E> {
    /// Answers at once, or later when somebody else must be asked first.
    pub(crate) fn on_network_request(
        &mut self,
        _now: Now,
        (session, id): (SessionId, u64),
        request: NetworkRequest,
    ) -> Result<(), Error> {
        match request {
            NetworkRequest::Show {} => {
                let info = NetworkInfo {
                    id: self.me.network,
                    name: String::new(),
                    role: None,
                    root: false,
                    removed: false,
                    members: 0,
                    reachable: 0,
                    rate: (0, 0),
                };
                self.reply(session, id, Ok(Reply::Network(info)));
                Ok(())
            }
            _ => Err(Error::new(ErrorCode::UnknownRequest, "not built yet")),
        }
    }
}
