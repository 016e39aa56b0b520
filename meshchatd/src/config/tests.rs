use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use super::*;
use crate::testing::Directory;

struct Machine {
    place: Directory,
    environment: Environment,
    flags: Flags,
}

impl Machine {
    fn new(uid: u32) -> Self {
        let place = Directory::new();
        let environment = Environment {
            variables: [].into(),
            uid,
            is_service_user: false,
            host_name: "raspberrypi".into(),
            root: place.path().into(),
        };
        Self { place, environment, flags: Flags::default() }
    }

    fn system() -> Self {
        Self::new(0)
    }

    fn user() -> Self {
        let mut machine = Self::new(1000);
        machine.set("HOME", "/home/ann");
        machine
    }

    fn set(&mut self, name: &str, value: &str) {
        self.environment.variables.insert(name.into(), value.into());
    }

    fn file(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.place.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn load(&self) -> Result<Settings, String> {
        self.loaded().map(|loaded| loaded.settings)
    }

    fn loaded(&self) -> Result<Loaded, String> {
        let place = format!("{}/", self.place.path().display());
        load(&self.flags, &self.environment).map_err(|error| error.to_string().replace(&place, "/"))
    }

    fn refusal(content: impl AsRef<[u8]>) -> String {
        let machine = Self::system();
        machine.file("etc/meshchat/meshchat.toml", content);
        machine.load().unwrap_err()
    }

    fn reload(&self, running: &mut Settings) -> Result<Vec<Change>, ConfigError> {
        reload(running, &self.flags, &self.environment)
    }

    fn below(&self, path: &str) -> std::path::PathBuf {
        self.place.path().join(path)
    }
}

const MAIN: &str = "etc/meshchat/meshchat.toml";

#[test]
fn nothing_at_all_is_a_configuration() {
    let machine = Machine::system();
    let settings = machine.load().unwrap();
    assert_eq!(settings.name.value, "raspberrypi");
    assert_eq!(settings.listen.value.to_string(), "[::]:7117");
    assert_eq!(settings.admit.value, Admit::Neighbours);
    assert_eq!(settings.history.value, History::Memory);
    assert_eq!(settings.log.value.to_string(), "info");
    assert_eq!(settings.group.value, "meshchat");
    assert_eq!(settings.discovery.value, Discovery::Lan);
    assert_eq!(settings.mapping.value, Mapping::Auto);
    assert_eq!(settings.interfaces.value, Patterns::default());
    assert_eq!(settings.state_dir.value, machine.below("var/lib/meshchat"));
    assert_eq!(settings.socket.value, machine.below("run/meshchat/control.sock"));
    assert_eq!(settings.mode, Mode::System);
    assert!(settings.may_use_another_port());
    assert!(render(&settings).iter().all(|row| row.origin == "default"));
}

#[test]
fn later_places_win_and_every_value_knows_its_own() {
    let mut machine = Machine::system();
    machine.file(MAIN, "name = 'main'\nadmit = 'anyone'\nlog='warn'\nhistory = 'off'\n");
    machine.file("etc/meshchat/meshchat.d/10.toml", "\nname = 'part'\nadmit = 'configured'\n");
    machine.file("etc/meshchat/meshchat.d/05.toml", "name = 'early'\n");
    machine.file("etc/meshchat/meshchat.d/notes.txt", "not read");
    machine.set("MESHCHAT_NAME", "variable");
    machine.set("MESHCHAT_LOG", "debug");
    machine.flags.name = Some("flag".into());
    let settings = machine.load().unwrap();
    assert_eq!(settings.files.len(), 3);
    let origins: Vec<_> = render(&settings)
        .into_iter()
        .filter(|row| row.origin != "default")
        .map(|row| (row.key, row.value, row.origin))
        .collect();
    let etc = machine.below("etc/meshchat");
    let at = |file: &str, line| format!("{}:{line}", etc.join(file).display());
    let expected = [
        ("name", "flag", "flag --name".to_owned()),
        ("admit", "configured", at("meshchat.d/10.toml", 3)),
        ("history", "off", at("meshchat.toml", 4)),
        ("log", "debug", "environment MESHCHAT_LOG".to_owned()),
    ];
    assert_eq!(origins, expected.map(|(key, value, origin)| (key, value.to_owned(), origin)));
}

#[test]
fn peers_add_up_and_no_address_comes_twice() {
    let mut machine = Machine::system();
    let key = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
    machine.file(MAIN, "[[peer]]\naddress = 'a'\n[[peer]]\naddress = 'b:1'\n");
    let part = format!("[[peer]]\naddress = 'a:7117'\nkey = '{key}'\n[[peer]]\naddress = 'c'\n");
    machine.file("etc/meshchat/meshchat.d/1.toml", part);
    machine.set("MESHCHAT_PEER", "d, e:2");
    machine.flags.peer = vec!["f".into(), "c".into()];
    let settings = machine.load().unwrap();
    let shown: Vec<_> = settings.peers.iter().map(|peer| peer.value.to_string()).collect();
    let a = format!("a:7117 key {key}");
    assert_eq!(shown, [&a, "b:1", "c:7117", "d:7117", "e:2", "f:7117"]);
    assert_eq!(settings.peers[3].origin.to_string(), "environment MESHCHAT_PEER");
}

#[test]
fn a_mistyped_key_is_named_with_its_line_and_the_nearest_key() {
    let text = Machine::refusal("name = 'x'\nlissten = '[::]:1'\n");
    let expected = "/etc/meshchat/meshchat.toml: unknown key `lissten` at line 2, \
        did you mean `listen`?\n  fix: write `listen`, or remove it";
    assert_eq!(text, expected);
    let text = Machine::refusal("[[peer]]\naddres = 'a'\n");
    assert!(text.contains("unknown key `addres` at line 2, did you mean `address`?"), "{text}");
    let text = Machine::refusal("frobnicate = 1");
    assert!(text.contains("fix: remove it; the keys are name, listen,"), "{text}");
    let text = Machine::refusal("[web]\nport = 1");
    assert!(text.contains("unknown key `web` at line 1"), "{text}");
}

#[test]
fn every_problem_of_every_place_is_told_at_once() {
    let mut machine = Machine::system();
    machine.file(MAIN, "zzz = 1\nadmit = 'everyone'\nlisten = 7117\nname = ''\n");
    machine.file("etc/meshchat/meshchat.d/1.toml", "log = 'loud'\n");
    machine.set("MESHCHAT_HISTORY", "tape");
    machine.flags.peer = vec!["a b".into()];
    let text = machine.load().unwrap_err();
    let causes: Vec<_> = text.lines().filter(|line| !line.starts_with("  fix: ")).collect();
    let expected = [
        "/etc/meshchat/meshchat.toml: unknown key `zzz` at line 1",
        "/etc/meshchat/meshchat.toml: bad value \"everyone\" for `admit` at line 2: \
         expected one of neighbours, anyone, configured",
        "/etc/meshchat/meshchat.toml: bad value \"7117\" for `listen` at line 3: \
         expected text in quotes, found integer",
        "/etc/meshchat/meshchat.toml: bad value \"\" for `name` at line 4: \
         a name has 1 to 32 characters",
        "/etc/meshchat/meshchat.d/1.toml: bad value \"loud\" for `log` at line 1: \
         \"loud\" is not a level; the levels are off, error, warn, info, debug and trace",
        "environment MESHCHAT_HISTORY: bad value \"tape\" for `history`: \
         expected one of memory, disk, off",
        "flag --peer: bad value \"a b\" for `peer`: \
         expected a host name or IP address, with an optional port",
    ];
    assert_eq!(causes, expected);
    assert_eq!(text.lines().count(), 2 * expected.len());
}

#[test]
fn wrong_types_and_values_are_refused() {
    let bad = [
        "name = true",
        "name = \"a\\u202Eb\"",
        "listen = 'localhost:1'",
        "listen = '[::]'",
        "operators = 'ann'",
        "operators = ['ann', 1]",
        "operators = ['a:b']",
        "group = ''",
        "discovery = 'wan'",
        "discovery = true",
        "mapping = 'upnp'",
        "mapping = false",
        "interfaces = 'eth0'",
        "interfaces = ['eth0', 1]",
        "interfaces = ['eth 0']",
        "state_dir = 'relative'",
        "peer = 'a'",
        "peer = ['a']",
        "[[peer]]\nkey = 'x'",
        "[[peer]]\naddress = 'a:99999'",
        "[[peer]]\naddress = 'a'\nkey = 'short'",
        "[[peer]]\naddress = 1",
        "name = 'a'\nname = 'b'",
        "name = ",
        "name = [[[",
    ];
    for content in bad {
        let text = Machine::refusal(content);
        assert!(text.starts_with("/etc/meshchat/meshchat.toml: "), "{content}: {text}");
        assert!(text.contains("at line "), "{content}: {text}");
        assert!(text.contains("\n  fix: "), "{content}: {text}");
    }
}

#[test]
fn two_keys_for_one_peer_are_refused() {
    let peer = |digit: &str| format!("[[peer]]\naddress='a'\nkey='{}'\n", digit.repeat(64));
    let text = Machine::refusal(peer("a") + &peer("b"));
    assert!(text.contains("at line 5: another key is already set for this address"), "{text}");
}

#[test]
fn lists_are_bounded() {
    let peers: String = (0..300).map(|n| format!("[[peer]]\naddress='p{n}'\n")).collect();
    assert!(Machine::refusal(peers).contains("at most 256 entries"));
    let operators: Vec<_> = (0..65).map(|n| format!("'u{n}'")).collect();
    let text = Machine::refusal(format!("operators = [{}]", operators.join(",")));
    assert!(text.contains("at most 64 entries"), "{text}");
}

#[test]
fn what_was_written_is_shown_harmlessly() {
    let text = Machine::refusal("\"\\u001b[31m\" = 1\nname = \"\\u001b]0;x\\u0007\"\n");
    assert!(!text.contains('\u{1b}') && !text.contains('\u{7}'), "{text:?}");
    let text = Machine::refusal(format!("{} = 1", "k".repeat(5000)));
    assert!(text.len() < 400, "{text}");
}

#[test]
fn links_are_a_range_or_named_ones_only() {
    let mut machine = Machine::system();
    let goal = |machine: &Machine| {
        let goal = machine.load().unwrap().core_goal();
        (goal.least, goal.most)
    };
    assert_eq!(goal(&machine), (4, 8));
    machine.file(MAIN, "links = '2-64'");
    assert_eq!(goal(&machine), (2, 64));
    machine.set("MESHCHAT_LINKS", "named");
    assert_eq!(goal(&machine), (0, 0));
    machine.flags.links = Some("3-3".into());
    assert_eq!(goal(&machine), (3, 3));
    machine.flags.admit = Some("configured".into());
    assert_eq!(goal(&machine), (0, 0), "whoever links with none but the named looks for none");
    for bad in ["8-4", "0-3", "4-65", "4", "many", "-1-3", "4..8"] {
        let text = Machine::refusal(format!("links = '{bad}'"));
        assert!(text.contains("expected a range"), "{text}");
    }
}

#[test]
fn the_router_is_asked_unless_that_is_switched_off() {
    let mut machine = Machine::system();
    machine.file(MAIN, "mapping = 'off'\n");
    let mut settings = machine.load().unwrap();
    assert_eq!(settings.mapping.value, Mapping::Off);
    machine.file(MAIN, "mapping = 'auto'\n");
    let changes = machine.reload(&mut settings).unwrap();
    assert!(changes.len() == 1 && changes[0].live, "{changes:?}");
    assert_eq!(settings.mapping.value, Mapping::Auto);
    machine.set("MESHCHAT_MAPPING", "off");
    assert_eq!(machine.load().unwrap().mapping.value, Mapping::Off);
    machine.flags.mapping = Some("auto".into());
    assert_eq!(machine.load().unwrap().mapping.value, Mapping::Auto);
}

#[test]
fn interfaces_are_chosen_in_any_place() {
    let mut machine = Machine::system();
    machine.file(MAIN, "interfaces = ['*', '!wlan*']\ndiscovery = 'off'\n");
    let settings = machine.load().unwrap();
    assert!(settings.interfaces.value.allow("eth0") && !settings.interfaces.value.allow("wlan0"));
    assert_eq!(settings.discovery.value, Discovery::Off);
    machine.set("MESHCHAT_INTERFACES", "wlan*, !wlan1");
    machine.set("MESHCHAT_DISCOVERY", "off");
    machine.flags.discovery = Some("lan".into());
    let settings = machine.load().unwrap();
    assert_eq!(settings.interfaces.value.to_string(), "wlan*, !wlan1");
    assert_eq!(settings.discovery.value, Discovery::Lan);
    machine.set("MESHCHAT_INTERFACES", "eth0,a/b");
    let text = machine.load().unwrap_err();
    let expected = "environment MESHCHAT_INTERFACES: bad value \"a/b\" for `interfaces`: \
        expected an interface name, with * for any characters and ! in front to deny\n  \
        fix: write it like this: MESHCHAT_INTERFACES='*,!docker*'";
    assert_eq!(text, expected);
}

#[test]
fn unsuitable_files_are_refused() {
    assert!(Machine::refusal("#".repeat(70_000)).contains("larger than 65536 bytes"));
    assert!(Machine::refusal(b"name = '\xff'").contains("not UTF-8"));
    assert!(Machine::refusal("a = ".to_owned() + &"[".repeat(10_000)).contains("not valid TOML"));

    let machine = Machine::system();
    machine.file("etc/meshchat/meshchat.d/directory.toml/x", "");
    assert!(machine.load().unwrap_err().contains("not a regular file"));

    let machine = Machine::system();
    machine.file("etc/meshchat/x", "");
    nix::unistd::mkfifo(&machine.below(MAIN), nix::sys::stat::Mode::S_IRWXU).unwrap();
    assert!(machine.load().unwrap_err().contains("not a regular file"));

    let machine = Machine::system();
    machine.file("etc/meshchat/x", "");
    symlink("nowhere", machine.below("etc/meshchat/meshchat.d")).unwrap();
    assert!(machine.load().is_ok());
    machine.file("etc/meshchat/meshchat.toml", "");
    for number in 0..65 {
        machine.file(&format!("more/{number}.toml"), "");
    }
    fs::remove_file(machine.below("etc/meshchat/meshchat.d")).unwrap();
    symlink(machine.below("more"), machine.below("etc/meshchat/meshchat.d")).unwrap();
    assert!(machine.load().unwrap_err().contains("more than 64 files"));
}

#[test]
fn a_named_file_must_exist_and_brings_its_parts() {
    let mut machine = Machine::user();
    machine.flags.config = Some(machine.below("lab.toml"));
    assert!(machine.load().unwrap_err().contains("/lab.toml: cannot read it"));
    machine.file("lab.toml", "name = 'lab'");
    machine.file("lab.d/1.toml", "name = 'part'");
    assert_eq!(machine.load().unwrap().name.value, "part");
    machine.flags.config = None;
    machine.set("MESHCHAT_CONFIG", "/nowhere/x.toml");
    assert!(machine.load().unwrap_err().contains("/nowhere/x.toml: cannot read it"));
}

#[test]
fn a_plain_user_has_own_places() {
    let mut machine = Machine::user();
    let settings = machine.load().unwrap();
    assert_eq!(settings.mode, Mode::User);
    assert_eq!(settings.state_dir.value, Path::new("/home/ann/.local/state/meshchat"));
    assert_eq!(settings.socket.value, machine.below("tmp/meshchat-1000/control.sock"));

    machine.file(MAIN, "name = 'not read'");
    machine.set("XDG_RUNTIME_DIR", "/run/user/1000");
    machine.set("XDG_STATE_HOME", "/s");
    machine.set("XDG_CONFIG_HOME", machine.below("c").to_str().unwrap());
    machine.file("c/meshchat/meshchat.toml", "name = 'mine'");
    let settings = machine.load().unwrap();
    assert_eq!(settings.name.value, "mine");
    assert_eq!(settings.state_dir.value, Path::new("/s/meshchat"));
    assert_eq!(settings.socket.value, Path::new("/run/user/1000/meshchat/control.sock"));

    machine.environment.variables.remove("XDG_STATE_HOME");
    machine.environment.variables.remove("HOME");
    assert!(machine.load().unwrap_err().contains("give --state-dir DIRECTORY"));
}

#[test]
fn systemd_decides_where_the_service_lives() {
    let mut machine = Machine::new(990);
    machine.set("RUNTIME_DIRECTORY", "/run/meshchat:/run/other");
    machine.set("STATE_DIRECTORY", "/var/lib/private/meshchat");
    let settings = machine.load().unwrap();
    assert_eq!(settings.mode, Mode::System);
    assert_eq!(settings.socket.value, Path::new("/run/meshchat/control.sock"));
    assert_eq!(settings.state_dir.value, Path::new("/var/lib/private/meshchat"));

    machine.set("XDG_RUNTIME_DIR", "/run/user/990");
    machine.set("RUNTIME_DIRECTORY", "/run/user/990/meshchat");
    assert_eq!(machine.load().unwrap().mode, Mode::User);

    let mut machine = Machine::new(990);
    machine.environment.is_service_user = true;
    assert_eq!(machine.load().unwrap().mode, Mode::System);
}

#[test]
fn instances_share_nothing() {
    let mut machine = Machine::system();
    machine.file(MAIN, "name = 'first'");
    machine.file("etc/meshchat/lab.toml", "name = 'lab'");
    machine.flags.instance = Some("lab".into());
    let settings = machine.load().unwrap();
    assert_eq!(settings.instance.as_deref(), Some("lab"));
    assert_eq!(settings.name.value, "lab");
    assert_eq!(settings.socket.value, machine.below("run/meshchat-lab/control.sock"));
    assert_eq!(settings.state_dir.value, machine.below("var/lib/meshchat-lab"));

    let mut machine = Machine::user();
    machine.set("MESHCHAT_INSTANCE", "lab");
    machine.set("XDG_RUNTIME_DIR", "/run/user/1000");
    let settings = machine.load().unwrap();
    assert_eq!(settings.socket.value, Path::new("/run/user/1000/meshchat/lab/control.sock"));
    assert_eq!(settings.state_dir.value, Path::new("/home/ann/.local/state/meshchat/lab"));
    for name in ["../x", "gateway", "network"] {
        machine.set("MESHCHAT_INSTANCE", name);
        assert!(machine.load().unwrap_err().contains(&format!("bad instance name \"{name}\"")));
    }
}

#[test]
fn a_socket_path_must_fit_into_an_address() {
    let mut machine = Machine::user();
    machine.flags.socket = Some(format!("/{}", "s".repeat(106)).into());
    assert!(machine.load().is_ok());
    machine.flags.socket = Some(format!("/{}", "s".repeat(107)).into());
    let text = machine.load().unwrap_err();
    assert!(text.starts_with("flag --socket: the socket path /sss"), "{text}");
    assert!(text.contains("has 108 bytes, the system allows 107\n  fix: choose a shorter path"));
}

#[test]
fn a_chosen_port_is_not_given_up() {
    let mut machine = Machine::user();
    machine.flags.listen = Some("0.0.0.0:7117".into());
    let settings = machine.load().unwrap();
    assert!(!settings.may_use_another_port());
    let text = port_in_use(&settings.listen);
    assert!(text.contains("UDP port 7117 is in use") && text.contains("flag --listen"), "{text}");
    assert!(text.contains("ss -ulpn 'sport = :7117'"), "{text}");
}

#[test]
fn nearly_right_variables_are_warned_about() {
    let mut machine = Machine::user();
    machine.set("MESHCHAT_LISSTEN", "x");
    machine.set("MESHCHAT_COLOUR", "x");
    let warnings = machine.loaded().unwrap().warnings;
    let expected = "unknown variable MESHCHAT_LISSTEN is ignored, did you mean MESHCHAT_LISTEN?";
    assert_eq!(warnings, [expected]);
}

#[test]
fn variables_that_are_not_text_are_refused() {
    use std::os::unix::ffi::OsStringExt as _;
    let mut machine = Machine::user();
    let bytes = std::ffi::OsString::from_vec(vec![0xff]);
    machine.environment.variables.insert("MESHCHAT_NAME".into(), bytes);
    assert!(machine.load().unwrap_err().contains("MESHCHAT_NAME: the value is not valid UTF-8"));
}

#[test]
fn a_reload_takes_what_can_change_live_and_reports_the_rest() {
    let machine = Machine::system();
    machine.file(MAIN, "name = 'a'\nlisten = '[::]:1'\n[[peer]]\naddress = 'x'\n");
    let mut running = machine.load().unwrap();
    assert_eq!(machine.reload(&mut running).unwrap(), []);

    machine.file(MAIN, "name = 'b'\nlisten = '[::]:2'\n[[peer]]\naddress = 'y'\n");
    let new = machine.load().unwrap();
    let peers = running.peer_changes(&new);
    assert_eq!(peers.added[0].address.host, "y");
    assert_eq!(peers.removed[0].address.host, "x");
    let changes = machine.reload(&mut running).unwrap();
    let shown: Vec<_> = changes.iter().map(|c| (c.key.name(), &*c.old, &*c.new, c.live)).collect();
    let expected = [
        ("name", "a", "b", true),
        ("listen", "[::]:1", "[::]:2", false),
        ("peer", "x:7117", "y:7117", true),
    ];
    assert_eq!(shown, expected);
    assert_eq!(running.name.value, "b");
    assert_eq!(running.listen.value.port(), 1);
    // The restart is still due.
    assert_eq!(machine.reload(&mut running).unwrap().len(), 1);
}

#[test]
fn a_bad_reload_changes_nothing() {
    let machine = Machine::system();
    machine.file(MAIN, "name = 'a'\n");
    let mut running = machine.load().unwrap();
    let before = running.clone();
    machine.file(MAIN, "name = 'b'\nlissten = ''\n");
    assert!(machine.reload(&mut running).is_err());
    assert_eq!(running, before);
}

#[test]
fn the_default_file_says_the_truth() {
    let file = include_str!("../../../etc/meshchat.toml");
    let mut machine = Machine::system();
    machine.environment.root = "/".into();
    machine.flags.config = Some(machine.below("default.toml"));

    machine.file("default.toml", "");
    let defaults = machine.load().unwrap();
    machine.file("default.toml", file);
    assert_eq!(machine.load().unwrap(), defaults);

    let is_setting =
        |line: &str| line.starts_with('#') && line.chars().nth(1).is_some_and(|c| c != ' ');
    let settings = file.lines().filter(|line| is_setting(line)).count();
    assert_eq!(settings, Key::ALL.len() - 1);
    let uncommented =
        |line: &str| if is_setting(line) { line[1..].to_owned() } else { line.to_owned() };
    let all: Vec<_> = file.lines().map(uncommented).collect();
    machine.file("default.toml", all.join("\n"));
    let loaded = machine.load().unwrap();
    assert_eq!(loaded, defaults);
    assert!(render(&loaded).iter().all(|row| row.origin != "default"));

    let example = file.lines().skip_while(|line| !line.contains("[[peer]]"));
    let peers: Vec<_> = example.filter_map(|line| line.strip_prefix("#     ")).collect();
    machine.file("default.toml", peers.join("\n"));
    assert_eq!(machine.load().unwrap().peers.len(), 2);
}

#[test]
fn examples_are_correct() {
    for key in Key::ALL {
        let machine = Machine::system();
        machine.file(MAIN, key.example().replace("]] ", "]]\n"));
        machine.load().unwrap();
    }
}

#[test]
fn the_directory_of_the_socket_is_private_or_refused() {
    let mut machine = Machine::new(nix::unistd::geteuid().as_raw());
    machine.set("HOME", "/nowhere");
    let mut settings = machine.load().unwrap();
    settings.mode = Mode::User;
    let own = settings.socket.value.parent().unwrap().to_path_buf();
    prepare_runtime_dir(&settings).unwrap();
    prepare_runtime_dir(&settings).unwrap();
    assert_eq!(fs::metadata(&own).unwrap().permissions().mode() & 0o7777, 0o700);

    fs::set_permissions(&own, fs::Permissions::from_mode(0o1777)).unwrap();
    let error = prepare_runtime_dir(&settings).unwrap_err();
    assert!(matches!(error, RuntimeDirError::NotOurs { mode: 0o1777, .. }));

    fs::remove_dir(&own).unwrap();
    symlink(machine.place.path(), &own).unwrap();
    let error = prepare_runtime_dir(&settings).unwrap_err();
    assert!(matches!(error, RuntimeDirError::NotADirectory(_)));
    fs::remove_file(&own).unwrap();

    if nix::unistd::geteuid().is_root() {
        fs::create_dir(&own).unwrap();
        nix::unistd::chown(&own, Some(65534.into()), None).unwrap();
        let error = prepare_runtime_dir(&settings).unwrap_err();
        assert!(matches!(error, RuntimeDirError::NotOurs { owner: 65534, .. }));
    }
}
