//! How findings are shown.

use meshchat_client::proto::control::{Finding, Grade};

use crate::output::escape::escape;
use crate::output::style::{self, Paint};
use crate::output::table::{Cell, Column, Table};
use crate::output::time::count;

/// Findings of one check together, in the order in which each check comes first.
pub(super) fn grouped(findings: &[Finding]) -> Vec<&Finding> {
    let first = |check: &str| findings.iter().position(|finding| finding.check == check);
    let mut sorted: Vec<&Finding> = findings.iter().collect();
    sorted.sort_by_key(|finding| first(&finding.check));
    sorted
}

/// One line for each finding, and one below for each line that puts it right.
pub(super) fn lines(findings: &[&Finding], color: bool) -> String {
    let width = |text: &str| escape(text).chars().count();
    let widest = findings.iter().map(|finding| width(&finding.check)).max().unwrap_or(0);
    let mut text = String::new();
    for finding in findings {
        let mark = style::grade(finding.grade);
        let shown = mark.paint.on(&format!("{} {:7}", mark.glyph, mark.word), color);
        let check = escape(&finding.check);
        let about = match finding.subject.as_str() {
            "" => String::new(),
            subject => format!("{}: ", escape(subject)),
        };
        let words = escape(&finding.words);
        text.push_str(&format!("{shown}  {check:widest$}  {about}{words}\n"));
        for fix in &finding.fix {
            text.push_str(&format!("{INDENT}fix: {}\n", escape(fix)));
        }
    }
    text
}

/// How bad it is, all in all.
pub(super) fn summary(findings: &[Finding], color: bool) -> String {
    let of = |grade| findings.iter().filter(|finding| finding.grade == grade).count();
    let (problems, warnings) = (of(Grade::Problem), of(Grade::Warning));
    let counts = [(problems, "problem"), (warnings, "warning")];
    let some = counts.into_iter().filter(|(some, _)| *some > 0);
    let bad: Vec<String> = some.map(|(some, what)| counted(some, what)).collect();
    let (verdict, paint) = match (findings.len(), problems, warnings) {
        (0, _, _) => return "nothing was examined".into(),
        (_, 0, 0) => ("all is well".into(), Paint::Good),
        (_, 0, _) => (bad.join(", "), Paint::Warn),
        (_, _, _) => (bad.join(", "), Paint::Bad),
    };
    format!("{} ({})", paint.on(&verdict, color), counted(findings.len(), "check"))
}

/// For scripts.
pub(super) fn table(findings: &[&Finding]) -> Table {
    const COLUMNS: &[Column] = &[
        Column::left("grade"),
        Column::left("check"),
        Column::left("subject"),
        Column::left("words"),
        Column::note("fix"),
    ];
    let row = |finding: &&Finding| {
        vec![
            style::grade(finding.grade).into(),
            Cell::new(&finding.check),
            Cell::new(&finding.subject),
            Cell::new(&finding.words),
            Cell::new(finding.fix.join("; ")),
        ]
    };
    Table::new(COLUMNS, findings.iter().map(row))
}

fn counted(number: usize, what: &str) -> String {
    count(u64::try_from(number).unwrap_or(u64::MAX), what)
}

/// Below the check, behind mark and word.
const INDENT: &str = "           ";

#[cfg(test)]
mod tests {
    use super::*;

    fn findings() -> Vec<Finding> {
        vec![
            Finding::new("clock", Grade::Ok, "agrees with 2 neighbours"),
            Finding::new("udp", Grade::Problem, "no \x1b[2J answer")
                .of("pi\nbarn")
                .fix("sudo ufw allow 7117/udp")
                .fix("echo \x07"),
            Finding::new("clock", Grade::Warning, "no battery"),
            Finding::new("power", Grade::Note, "not known here"),
            Finding::new("later", Grade::Unknown, "?"),
        ]
    }

    #[test]
    fn findings_come_by_check_escaped_and_with_their_fixes() {
        let findings = findings();
        assert_eq!(
            lines(&grouped(&findings), false),
            "✓ ok       clock  agrees with 2 neighbours\n\
             ! warning  clock  no battery\n\
             ✕ problem  udp    pi\\nbarn: no \\x1b[2J answer\n           \
             fix: sudo ufw allow 7117/udp\n           \
             fix: echo \\x07\n\
             · note     power  not known here\n\
             ? unknown  later  ?\n"
        );
        let colored = lines(&grouped(&findings), true);
        assert!(colored.contains("\x1b[31m✕ problem\x1b[0m  udp "), "{colored:?}");
    }

    #[test]
    fn the_summary_counts_what_is_wrong() {
        let mut findings = findings();
        assert_eq!(summary(&findings, false), "1 problem, 1 warning (5 checks)");
        findings.retain(|finding| finding.grade != Grade::Problem);
        assert_eq!(summary(&findings, false), "1 warning (4 checks)");
        findings.truncate(1);
        assert_eq!(summary(&findings, false), "all is well (1 check)");
        assert_eq!(summary(&[], false), "nothing was examined");
    }
}
