//! Who may link. The open network decides by address; a closed one will decide by key, here.

use meshchat_proto::id::NetworkId;
use meshchat_proto::peer::GoodbyeReason;

use crate::io::Admit;

/// What is known of a peer that wants to link.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Claim {
    /// An operator or the configuration named it, or we dialled it.
    pub(crate) named: bool,
    /// Its address is on a directly connected subnet.
    pub(crate) near: bool,
    /// It is known in the mesh: somebody who belongs has let it in before.
    pub(crate) known: bool,
    /// The network that it says it belongs to.
    pub(crate) network: NetworkId,
}

/// Refuses a peer, with the reason that it is told.
pub(crate) fn refuse(admit: Admit, ours: NetworkId, claim: Claim) -> Option<GoodbyeReason> {
    if claim.network != ours {
        return Some(GoodbyeReason::OtherNetwork);
    }
    let welcome = match admit {
        Admit::Anyone => true,
        Admit::Neighbours => claim.named || claim.near || claim.known,
        Admit::Configured => claim.named,
    };
    (!welcome).then_some(GoodbyeReason::NotAdmitted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_open_network_admits_by_address() {
        let open = NetworkId::OPEN;
        let claim = |named, near| Claim { named, near, known: false, network: open };
        assert_eq!(refuse(Admit::Neighbours, open, claim(false, true)), None);
        assert_eq!(refuse(Admit::Neighbours, open, claim(true, false)), None);
        let stranger = Some(GoodbyeReason::NotAdmitted);
        assert_eq!(refuse(Admit::Neighbours, open, claim(false, false)), stranger);
        assert_eq!(refuse(Admit::Configured, open, claim(false, true)), stranger);
        let known = Claim { known: true, ..claim(false, false) };
        assert_eq!(refuse(Admit::Neighbours, open, known), None);
        assert_eq!(refuse(Admit::Configured, open, known), stranger);
        assert_eq!(refuse(Admit::Anyone, open, claim(false, false)), None);
        let other = Claim { network: NetworkId([1; 16]), ..claim(true, true) };
        assert_eq!(refuse(Admit::Anyone, open, other), Some(GoodbyeReason::OtherNetwork));
    }
}
