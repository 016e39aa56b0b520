//! What is where on the screen.

use ratatui::layout::Rect;

use crate::chat::model::Model;
use crate::chat::model::mode::Pane;

/// The parts of the screen. None of them where it has no room; all may be empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Areas {
    pub(crate) rooms: Option<Rect>,
    pub(crate) people: Option<Rect>,
    /// The line that says where one is.
    pub(crate) title: Option<Rect>,
    /// Empty while a pane is shown in its place.
    pub(crate) log: Rect,
    pub(crate) status: Option<Rect>,
    pub(crate) input: Rect,
}

/// Whether a pane fits beside the log on a screen this wide.
pub(crate) const fn fits(width: u16, pane: Pane) -> bool {
    match pane {
        Pane::Rooms => width >= ROOMS_FROM,
        Pane::People => width >= PEOPLE_FROM,
    }
}

/// Divides the screen.
pub(crate) fn areas(model: &Model) -> Areas {
    let (width, height) = model.size;
    let most = (height / 3).max(1);
    let input = model.editor.height(width).clamp(1, most).min(height);
    let status = u16::from(height > input + 1);
    let above = height - input - status;
    let mut areas = Areas {
        status: (status > 0).then_some(Rect::new(0, above, width, status)),
        input: Rect::new(0, above + status, width, input),
        ..Areas::default()
    };
    let (mut left, mut right) = (0, width);
    if model.panes.rooms && fits(width, Pane::Rooms) {
        let wide = rooms_wide(width);
        areas.rooms = Some(Rect::new(0, 0, wide, above));
        left = wide + 1;
    }
    if model.panes.people && fits(width, Pane::People) {
        let wide = people_wide(width);
        areas.people = Some(Rect::new(width - wide, 0, wide, above));
        right = width - wide - 1;
    }
    let title = u16::from(height >= TITLE_FROM);
    let middle = right.saturating_sub(left);
    areas.title = (title > 0).then_some(Rect::new(left, 0, middle, title));
    areas.log = Rect::new(left, title, middle, above - title.min(above));
    match model.panes.shown {
        Some(Pane::Rooms) if areas.rooms.is_none() => areas.rooms = Some(areas.log),
        Some(Pane::People) if areas.people.is_none() => areas.people = Some(areas.log),
        Some(_) | None => {}
    }
    areas
}

const fn rooms_wide(width: u16) -> u16 {
    match width {
        0..90 => 16,
        90..140 => 20,
        _ => 28,
    }
}

const fn people_wide(width: u16) -> u16 {
    match width {
        0..90 => 20,
        90..140 => 26,
        _ => 36,
    }
}

const ROOMS_FROM: u16 = 56;
const PEOPLE_FROM: u16 = 76;
const TITLE_FROM: u16 = 14;
