//! What kind of machine it is.

use std::fs;

/// One line for each thing that can be known.
pub(super) fn lines() -> Vec<String> {
    let mut lines = vec![format!("meshchatctl {}", env!("CARGO_PKG_VERSION"))];
    let system = read("/etc/os-release").and_then(|text| value(&text, "PRETTY_NAME"));
    lines.extend(system.map(|system| format!("system: {system}")));
    let kernel = read("/proc/sys/kernel/osrelease");
    let kernel = kernel.unwrap_or_else(|| "unknown".into());
    lines.push(format!("kernel: {kernel}, {}", std::env::consts::ARCH));
    let models = ["/proc/device-tree/model", "/sys/class/dmi/id/product_name"];
    lines.extend(models.iter().find_map(|path| read(path)).map(|model| format!("model: {model}")));
    let memory = read("/proc/meminfo").and_then(|text| {
        let line = |name: &str| text.lines().find_map(|line| line.strip_prefix(name));
        let (total, free) = (line("MemTotal:")?.trim(), line("MemAvailable:")?.trim());
        Some(format!("memory: {total}, {free} available"))
    });
    lines.extend(memory);
    lines.extend(read("/proc/uptime").and_then(|text| {
        let seconds = text.split('.').next()?.to_owned();
        Some(format!("running for {seconds} s"))
    }));
    lines
}

/// The text of a small file; a device tree ends its texts with a zero.
fn read(path: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let text = text.trim_matches(['\0', '\n', ' ']).to_owned();
    Some(text).filter(|text| !text.is_empty())
}

/// `NAME="value"`, as in `/etc/os-release`.
fn value(text: &str, name: &str) -> Option<String> {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='))?;
    Some(line.trim_matches('"').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_says_what_it_is() {
        let text = "ID=debian\nPRETTY_NAME=\"Debian GNU/Linux 13 (trixie)\"\n";
        assert_eq!(value(text, "PRETTY_NAME").unwrap(), "Debian GNU/Linux 13 (trixie)");
        assert_eq!(value(text, "NAME"), None);
        assert!(lines().iter().any(|line| line.starts_with("kernel: ")));
    }
}
