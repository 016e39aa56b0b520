use tracing::Level;

use super::*;

fn logged(filter: &str, test: impl FnOnce(&mut LogHandle)) {
    let nothing: Boxed = tracing_subscriber::layer::Identity::new().boxed();
    let (layers, mut handle) = layers(nothing, &filter.parse().unwrap(), Keep::Lines);
    let subscriber = tracing_subscriber::registry().with(layers);
    tracing::subscriber::with_default(subscriber, || test(&mut handle));
}

fn texts(follower: &mut Follower) -> Vec<String> {
    std::iter::from_fn(|| follower.try_next()).map(|(_, line)| line.text.clone()).collect()
}

fn filter(text: &str) -> LogFilter {
    text.parse().unwrap()
}

#[test]
fn the_level_changes_and_comes_back() {
    logged("info", |log| {
        assert!(!tracing::enabled!(Level::DEBUG));
        let now = Instant::now();
        log.change(&filter("debug"), (now, Some(Duration::from_secs(60))), "ann").unwrap();
        assert!(tracing::enabled!(Level::DEBUG));
        log.expire(now + Duration::from_secs(59));
        assert_eq!(log.levels().in_force().to_string(), "debug");
        log.expire(now + Duration::from_secs(60));
        assert!(!tracing::enabled!(Level::DEBUG));
        assert_eq!(log.levels(), &Levels::new(filter("info")));
        log.change(&filter("trace"), (now, None), "ann").unwrap();
        log.expire(now + Duration::from_secs(100_000));
        assert!(tracing::enabled!(Level::TRACE));
        log.configure(&filter("warn"));
        assert!(!tracing::enabled!(Level::INFO));
    });
}

#[test]
fn what_is_wanted_for_a_time_ends_whatever_comes_after_it() {
    logged("info", |log| {
        let now = Instant::now();
        let mut lines = log.follow(filter("info"), 0).unwrap();
        log.change(&filter("debug"), (now, Some(Duration::from_secs(60))), "ann").unwrap();
        let later = now + Duration::from_secs(20);
        log.change(&filter("quinn=warn"), (later, None), "ann").unwrap();
        assert_eq!(log.levels().in_force().to_string(), "debug,quinn=warn");
        let said = texts(&mut lines);
        assert!(said.last().unwrap().ends_with("for 40 s more, by ann"), "{said:?}");
        log.expire(now + Duration::from_secs(60));
        assert_eq!(log.levels(), &Levels::new(filter("info")));
        // One with a time of its own has that.
        log.change(&filter("debug"), (now, Some(Duration::from_secs(60))), "ann").unwrap();
        log.change(&filter("quinn=warn"), (now, Some(Duration::from_secs(600))), "ann").unwrap();
        assert_eq!(log.levels().until(), Some(now + Duration::from_secs(600)));
    });
}

#[test]
fn a_change_is_logged_by_whichever_filter_shows_it() {
    logged("error", |log| {
        let (now, mut lines) = (Instant::now(), log.follow(filter("off"), 0).unwrap());
        log.change(&filter("info"), (now, None), "a\x1bn").unwrap();
        log.change(&filter("error"), (now, None), "bob").unwrap();
        assert!(texts(&mut lines).is_empty());
        let mut past = log.follow(filter("info"), 9).unwrap();
        let until = "until the next start, by";
        assert_eq!(
            texts(&mut past),
            [
                format!("what is logged: error -> info, {until} a\\u{{1b}}n"),
                format!("what is logged: info -> error, {until} bob"),
            ]
        );
    });
}

#[test]
fn a_stream_shows_what_the_log_does_not_and_ends_with_its_reader() {
    logged("info", |log| {
        tracing::info!("early");
        tracing::debug!("nobody wants it");
        let mut fine = log.follow(filter("debug"), 9).unwrap();
        let mut coarse = log.follow(filter("warn"), 9).unwrap();
        // Not from here: what this module says below info is left out of streams.
        tracing::debug!(target: "meshchatd::link", "fine");
        let wanted = || tracing::enabled!(target: "meshchatd::link", Level::DEBUG);
        assert!(wanted());
        tracing::warn!(peer = %"x\ny", name = "n", link = 7, "grave\u{1b}");
        assert_eq!(texts(&mut fine), ["early", "fine", "grave\\u{1b}"]);
        let (_, line) = coarse.try_next().unwrap();
        let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            line.fields,
            [
                field("MESHCHAT_PEER", "x\\ny"),
                field("MESHCHAT_NAME", "n"),
                field("MESHCHAT_LINK", "7")
            ]
        );
        assert_eq!((line.level, line.module), (Level::WARN, module_path!()));
        assert_eq!(log.counts(), (2, 2, 0), "the log itself stays as it was");
        drop(fine);
        assert!(!wanted(), "nobody wants it any more");
    });
}

#[test]
fn a_stream_does_not_feed_on_itself() {
    logged("info", |log| {
        let mut lines = log.follow(filter("trace"), 0).unwrap();
        tracing::trace!(target: "meshchatd::control::session", "sent a line");
        tracing::trace!(target: "meshchatd::hub", "something else");
        assert_eq!(texts(&mut lines), ["something else"]);
    });
}

#[test]
fn what_is_kept_and_what_waits_is_bounded() {
    logged("info", |log| {
        let mut slow = log.follow(filter("info"), 0).unwrap();
        for number in 0..2000 {
            tracing::info!("{number} {}", "x".repeat(2000));
        }
        let (kept, _, skipped) = log.counts();
        assert!((100..LINES).contains(&kept), "{kept} lines of a KiB each");
        let waited = texts(&mut slow).len();
        assert!((64..256).contains(&waited) && skipped == 2000 - waited as u64, "{waited}");
        tracing::info!("after");
        let (left_out, line) = slow.try_next().unwrap();
        assert_eq!((left_out, line.text.as_str()), (skipped, "after"));
        for number in 0..2000 {
            tracing::info!("{number}");
        }
        assert_eq!(log.counts().0, LINES);
        let mut last = log.follow(filter("info"), 2).unwrap();
        assert_eq!(texts(&mut last), ["1998", "1999"]);
    });
}

#[test]
fn only_so_many_read_along() {
    logged("info", |log| {
        let all: Vec<_> = (0..STREAMS).map(|_| log.follow(filter("info"), 0).unwrap()).collect();
        assert_eq!(log.follow(filter("info"), 0).unwrap_err(), TooMany);
        drop(all);
        assert!(log.follow(filter("info"), 0).is_ok());
    });
}

#[test]
fn the_journal_is_recognised_by_device_and_inode() {
    assert!(is_stream("8:1234", 8, 1234));
    assert!(!is_stream("8:1234", 8, 1235));
    assert!(!is_stream("8", 8, 1234));
}
