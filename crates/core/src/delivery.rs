//! Who holds a message, and who does not and why.

use meshchat_proto::control::{DeliveryRequest, Error, ErrorCode, Reply};

use crate::env::Env;
use crate::io::SessionId;
use crate::node::Node;
use crate::time::Now;

impl<E: Env> Node<E> {
    /// Answers at once, or later when others are to be waited for.
    pub(crate) fn on_delivery_request(
        &mut self,
        _now: Now,
        _at: (SessionId, u64),
        _request: DeliveryRequest,
    ) -> Result<Option<Reply>, Error> {
        Err(Error::new(ErrorCode::UnknownRequest, "not built yet"))
    }
}
