//! Where the programs under test are.

use std::env;
use std::path::PathBuf;

/// The path of a built program, such as `meshchatd`.
///
/// Looks in `$MESHCHAT_BIN_DIR`, else beside the running test (the profile's folder in
/// the target directory). Panics with advice if it is not there.
pub fn program(name: &str) -> PathBuf {
    let folder = env::var_os("MESHCHAT_BIN_DIR").map_or_else(beside_this_test, PathBuf::from);
    let path = folder.join(name);
    assert!(
        path.is_file(),
        "{} is not there; build it with: cargo build --workspace --bins --profile test",
        path.display()
    );
    path
}

/// A Python that has the msgpack module, if `make test` found one: `$MESHCHAT_PYTHON`,
/// else `python3`.
pub fn python() -> PathBuf {
    env::var_os("MESHCHAT_PYTHON").map_or_else(|| PathBuf::from("python3"), PathBuf::from)
}

fn beside_this_test() -> PathBuf {
    let mut folder = env::current_exe().unwrap();
    folder.pop();
    if folder.ends_with("deps") {
        folder.pop();
    }
    folder
}
