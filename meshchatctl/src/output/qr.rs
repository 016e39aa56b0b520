//! QR codes on a terminal: two rows of the code in each line of text.

use fast_qr::{ECL, QRBuilder, QRCode};

/// A picture of the text; none when it is too long for any code.
///
/// Letters are written in capitals, which take less room, so the text must mean the same in
/// capitals. Light is drawn and dark left out, as on a dark terminal; with colours, the picture
/// brings its own background.
pub(crate) fn render(text: &str, color: bool) -> Option<String> {
    // A screen neither tears nor smudges: the least redundancy gives the smallest code.
    let code = QRBuilder::new(text.to_uppercase()).ecl(ECL::L).build().ok()?;
    let size = i32::try_from(code.size).ok()?;
    let (begin, end) = if color { (BRIGHT_ON_BLACK, RESET) } else { ("", "") };
    let mut out = String::new();
    for y in (-QUIET..size + QUIET).step_by(2) {
        out.push_str(begin);
        for x in -QUIET..size + QUIET {
            let below = y + 1 < size + QUIET && is_light(&code, x, y + 1);
            out.push(match (is_light(&code, x, y), below) {
                (true, true) => '█',
                (true, false) => '▀',
                (false, true) => '▄',
                (false, false) => ' ',
            });
        }
        out.push_str(end);
        out.push('\n');
    }
    Some(out)
}

/// The border is light.
fn is_light(code: &QRCode, x: i32, y: i32) -> bool {
    let inside = |at: i32| usize::try_from(at).ok().filter(|at| *at < code.size);
    let (Some(x), Some(y)) = (inside(x), inside(y)) else { return true };
    !code.data.get(y * code.size + x).is_some_and(|module| module.value())
}

/// Half of what ISO/IEC 18004 asks for: cameras do with it, and lines are scarce.
const QUIET: i32 = 2;
const BRIGHT_ON_BLACK: &str = "\x1b[97;40m";
const RESET: &str = "\x1b[0m";

#[cfg(test)]
mod tests {
    use super::*;

    /// As long as a ticket with an IPv4 and an IPv6 address.
    fn ticket() -> String {
        format!("meshchat1{}", "k7f3q2mz".repeat(19))
    }

    #[test]
    fn a_ticket_fits_a_small_terminal() {
        let picture = render(&ticket(), false).unwrap();
        let lines: Vec<&str> = picture.lines().collect();
        assert!(lines.len() <= 23, "{} lines", lines.len());
        assert!(lines.iter().all(|line| line.chars().count() <= 80));
    }

    #[test]
    fn the_picture_has_its_border_and_corners() {
        let picture = render("MESHCHAT1", false).unwrap();
        let lines: Vec<Vec<char>> = picture.lines().map(|line| line.chars().collect()).collect();
        // 21 modules and the border.
        assert!(lines.iter().all(|line| line.len() == 25) && lines.len() == 13);
        assert!(lines[0].iter().all(|letter| *letter == '█'));
        let sides = |line: &Vec<char>| line[..2] == line[23..] && line[0] != ' ';
        assert!(lines.iter().all(sides));
        // The top of a finder pattern: seven dark, then one light.
        assert_eq!(lines[1][2..10].iter().collect::<String>(), " ▄▄▄▄▄ █");
    }

    #[test]
    fn colours_are_for_terminals_and_too_long_is_nothing() {
        let colored = render("x", true).unwrap();
        assert!(colored.lines().all(|line| line.starts_with("\x1b[97;40m")));
        assert_eq!(render(&"x".repeat(5000), false), None);
    }
}
