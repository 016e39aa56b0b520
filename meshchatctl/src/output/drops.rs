//! Reasons for which something was dropped, in words.

/// What people read of a reason; itself, where this build does not know it.
pub(crate) fn words(reason: &str) -> &str {
    match reason {
        "bad_frame" => "could not be read",
        "bad_signature" => "had a wrong signature",
        "other_network" => "were of another network",
        "old_boot" => "came from a run of a node that is long over",
        "sequence_jump" => "had a number that nobody can have reached",
        "origins_full" => "came from more nodes than fit here",
        "nodes_full" => "told of more nodes than fit here",
        "hops_used_up" => "had been passed on as often as allowed",
        "before_hello" => "overtook the greeting of their link; they come again",
        "unknown_kind" => "were of a kind that this release does not know",
        "link_behind" => "found the queue of a link full; catch-up brings them",
        "echo_rate" => "were more echoes than this node passes on",
        "probe_rate" => "were more tries to reach a neighbour than it may ask for",
        "no_path" => "were echoes to a node that no path leads to",
        "author_rate" => "came faster than their author may speak",
        "not_member" => "were of or about somebody who does not belong to the network",
        "void_statement" => "were statements about the network that do not count",
        "roster_full" => "were statements about the network that found no room",
        "client_missed" => "were messages that a slow program here missed",
        "client_missed_change" => "were changes of presence that a slow program here missed",
        "unopened" => "were sealed to this node, and its key does not open them",
        "not_admitted" => "were links of nodes that are not admitted here",
        "handshakes_busy" => "were tries to link while too many were under way",
        "handshakes_source" => "were too many tries to link from one place",
        "handshakes_failed" => "were tries to link that did not come to an end",
        "beacons_malformed" => "were beacons that could not be read",
        "beacons_network" => "were beacons of another network",
        "beacons_source" => "were beacons from outside the local network",
        "beacons_rate" => "were more beacons than are looked at",
        "beacons_busy" => "were beacons that came while others waited",
        other => other,
    }
}
