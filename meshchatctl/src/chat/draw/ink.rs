//! Colours of the command line, on a screen.

use anstyle::{AnsiColor, Color as Wanted, Effects};
use ratatui::buffer::Buffer;
use ratatui::style::{Color, Style};

use crate::output::style::Paint;

pub(crate) fn ink(paint: Paint) -> Style {
    let wanted = paint.style();
    let mut style = Style::new();
    if let Some(Wanted::Ansi(color)) = wanted.get_fg_color() {
        style = style.fg(of_ansi(color));
    }
    if wanted.get_effects().contains(Effects::BOLD) {
        style = style.bold();
    }
    if wanted.get_effects().contains(Effects::DIMMED) {
        style = style.dim();
    }
    style
}

const fn of_ansi(color: AnsiColor) -> Color {
    match color {
        AnsiColor::Black => Color::Black,
        AnsiColor::Red => Color::Red,
        AnsiColor::Green => Color::Green,
        AnsiColor::Yellow => Color::Yellow,
        AnsiColor::Blue => Color::Blue,
        AnsiColor::Magenta => Color::Magenta,
        AnsiColor::Cyan => Color::Cyan,
        AnsiColor::White => Color::Gray,
        AnsiColor::BrightBlack => Color::DarkGray,
        AnsiColor::BrightRed => Color::LightRed,
        AnsiColor::BrightGreen => Color::LightGreen,
        AnsiColor::BrightYellow => Color::LightYellow,
        AnsiColor::BrightBlue => Color::LightBlue,
        AnsiColor::BrightMagenta => Color::LightMagenta,
        AnsiColor::BrightCyan => Color::LightCyan,
        AnsiColor::BrightWhite => Color::White,
    }
}

/// Takes away all colours; bold, dim and reversed stay.
pub(super) fn without_color(buffer: &mut Buffer) {
    for cell in &mut buffer.content {
        cell.set_style(Style::new().fg(Color::Reset).bg(Color::Reset));
    }
}

/// Shows with ASCII alone what a terminal would not show otherwise.
pub(super) fn without_unicode(buffer: &mut Buffer) {
    for cell in &mut buffer.content {
        if !cell.symbol().is_ascii() {
            let plain = ascii(cell.symbol());
            cell.set_symbol(plain);
        }
    }
}

fn ascii(symbol: &str) -> &'static str {
    match symbol {
        "●" => "*",
        "◐" => "~",
        "○" | "◌" => "o",
        "✕" => "x",
        "✓" => "+",
        "│" | "┃" => "|",
        "─" => "-",
        "·" => ".",
        "…" => ".",
        "↑" => "^",
        "↓" => "v",
        "›" | "→" => ">",
        _ => "?",
    }
}
