//! What a Raspberry Pi says of its power and its heat. Other machines say nothing.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;

use meshchat_proto::control::{Finding, Grade};

use super::Facts;

/// What the hardware says; what it does not say is none.
#[derive(Debug, Default)]
pub(super) struct Pi {
    /// The bits of the firmware.
    throttled: Option<u32>,
    /// Whether the sensor of the supply voltage raises an alarm.
    alarm: Option<bool>,
    /// Thousandths of a degree Celsius.
    heat: Option<i32>,
}

impl Pi {
    /// Reads below the root of `/sys`.
    pub(super) fn look(sys: &Path) -> Self {
        let bits = read(&sys.join("devices/platform/soc/soc:firmware/get_throttled"));
        let bits = bits.and_then(|text| {
            let digits = text.strip_prefix("0x").unwrap_or(&text);
            u32::from_str_radix(digits, 16).ok()
        });
        let heat = read(&sys.join("class/thermal/thermal_zone0/temp"));
        let heat = heat.and_then(|text| text.parse().ok());
        Self { throttled: bits, alarm: alarm(&sys.join("class/hwmon")), heat }
    }
}

/// The power supply and the temperature, as far as the hardware tells.
pub(super) fn judge(facts: &Facts) -> Vec<Finding> {
    let pi = &facts.machine.pi;
    [power(pi), speed(pi), heat(pi)].into_iter().flatten().collect()
}

fn power(pi: &Pi) -> Option<Finding> {
    if pi.throttled.is_none() && pi.alarm.is_none() {
        return None;
    }
    let is_low = bit(pi, 0) || pi.alarm == Some(true);
    let finding = match (is_low, bit(pi, 16)) {
        (true, _) => Finding::new("power", Grade::Problem, "the supply voltage is too low"),
        (false, true) => {
            let words = "the supply voltage was too low at some time since the start";
            Finding::new("power", Grade::Warning, words)
        }
        (false, false) => {
            return Some(Finding::new("power", Grade::Ok, "the supply voltage is right"));
        }
    };
    Some(finding.fix("use the official power supply and a short cable"))
}

fn speed(pi: &Pi) -> Option<Finding> {
    let (grade, words) = match (bit(pi, 2), bit(pi, 18)) {
        (true, _) => (Grade::Warning, "the processor is slowed down now"),
        (false, true) => (Grade::Note, "the processor was slowed down at some time"),
        (false, false) => return None,
    };
    let fix = "use the official power supply and a short cable, and a heat sink or a fan";
    Some(Finding::new("speed", grade, words).fix(fix))
}

fn heat(pi: &Pi) -> Option<Finding> {
    let heat = pi.heat?;
    let degrees = heat / 1000;
    if heat <= HOT {
        return Some(Finding::new("heat", Grade::Ok, format!("{degrees} C")));
    }
    let words = format!("{degrees} C is too hot; the processor is slowed down above 80 C");
    Some(Finding::new("heat", Grade::Warning, words).fix("add a heat sink or a fan"))
}

fn bit(pi: &Pi, number: u32) -> bool {
    pi.throttled.is_some_and(|bits| bits >> number & 1 == 1)
}

fn alarm(sensors: &Path) -> Option<bool> {
    let mut entries = fs::read_dir(sensors).ok()?.take(SENSORS).flatten();
    let sensor = entries.find(|entry| read(&entry.path().join("name")).as_deref() == Some(VOLT))?;
    Some(read(&sensor.path().join("in0_lcrit_alarm"))? == "1")
}

fn read(path: &Path) -> Option<String> {
    let mut text = String::new();
    File::open(path).ok()?.take(LONGEST).read_to_string(&mut text).ok()?;
    Some(text.trim().to_owned())
}

const VOLT: &str = "rpi_volt";
/// Thousandths of a degree at which a Pi begins to slow down.
const HOT: i32 = 80_000;
/// Bytes of a file that are read.
const LONGEST: u64 = 64;
/// Most sensors that are looked at.
const SENSORS: usize = 64;

#[cfg(test)]
mod tests {
    use super::super::tests::{facts, grades};
    use super::*;
    use crate::testing::Directory;

    struct Sys(Directory);

    impl Sys {
        fn with(self, path: &str, text: &str) -> Self {
            let path = self.0.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
            self
        }

        fn throttled(text: &str) -> Self {
            let path = "devices/platform/soc/soc:firmware/get_throttled";
            Self(Directory::new()).with(path, text)
        }

        fn findings(&self) -> Vec<Finding> {
            let mut facts = facts();
            facts.machine.pi = Pi::look(self.0.path());
            judge(&facts)
        }
    }

    #[test]
    fn other_machines_say_nothing() {
        assert_eq!(Sys(Directory::new()).findings(), []);
        assert_eq!(Sys::throttled("nonsense").findings(), []);
        let other = Sys(Directory::new()).with("class/hwmon/hwmon0/name", "coretemp\n");
        assert_eq!(other.findings(), []);
    }

    #[test]
    fn the_bits_of_the_firmware() {
        for (bits, expected) in [
            ("0\n", &[Grade::Ok][..]),
            ("10000\n", &[Grade::Warning]),
            ("0x1\n", &[Grade::Problem]),
            ("50005\n", &[Grade::Problem, Grade::Warning]),
            ("40000\n", &[Grade::Ok, Grade::Note]),
        ] {
            let findings = Sys::throttled(bits).findings();
            assert_eq!(grades(&findings), expected, "{bits}");
            assert_eq!(findings[0].fix.is_empty(), expected[0] == Grade::Ok);
        }
    }

    #[test]
    fn the_sensor_of_the_voltage() {
        let sensor = |alarm| {
            Sys(Directory::new())
                .with("class/hwmon/hwmon0/name", "cpu_thermal\n")
                .with("class/hwmon/hwmon0/in0_lcrit_alarm", "1\n")
                .with("class/hwmon/hwmon1/name", "rpi_volt\n")
                .with("class/hwmon/hwmon1/in0_lcrit_alarm", alarm)
        };
        let findings = sensor("1\n").findings();
        assert_eq!(grades(&findings), [Grade::Problem]);
        assert_eq!(findings[0].fix, ["use the official power supply and a short cable"]);
        assert_eq!(grades(&sensor("0\n").findings()), [Grade::Ok]);
    }

    #[test]
    fn heat_slows_down() {
        let sys = |heat: &str| Sys(Directory::new()).with("class/thermal/thermal_zone0/temp", heat);
        let cool = sys("48312\n").findings();
        assert_eq!((cool[0].grade, &*cool[0].words), (Grade::Ok, "48 C"));
        let hot = sys("82100\n").findings();
        assert_eq!((hot[0].grade, hot[0].fix.len()), (Grade::Warning, 1));
        assert_eq!(sys(&"9".repeat(1000)).findings(), [], "no number");
    }
}
