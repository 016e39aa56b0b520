//! Beacons on the LAN.
#![no_main]

use libfuzzer_sys::fuzz_target;
use meshchat_proto::beacon::BeaconKey;
use meshchat_proto::id::NetworkId;

fuzz_target!(|bytes: &[u8]| {
    let key = BeaconKey::new(&NetworkId::OPEN);
    if let Ok(beacon) = key.open(bytes) {
        assert_eq!(key.open(&key.seal(&beacon)), Ok(beacon));
    }
});
