//! The way in that a router gives.

use meshchat_core::Input;

use super::Hub;
use crate::portmap::Mapped;

impl Hub {
    /// Others are told where the router lets them in.
    pub(super) fn on_mapped(&mut self, mapped: Mapped) {
        let Mapped { address } = mapped;
        self.node.handle(self.now(), Input::Mapped { address });
    }
}
