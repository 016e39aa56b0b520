use super::*;

struct Words;

impl Lexicon for Words {
    fn people(&self) -> Vec<String> {
        ["Ben", "anna", "Anton Müller", "Ångström", "anna@barn"].map(str::to_owned).to_vec()
    }

    fn rooms(&self) -> Vec<String> {
        ["#lobby", "#logistics", "#~staff"].map(str::to_owned).to_vec()
    }

    fn nodes(&self) -> Vec<String> {
        ["kitchen", "barn"].map(str::to_owned).to_vec()
    }

    fn commands(&self) -> Vec<(&'static str, Argument)> {
        vec![
            ("/join", Argument::Room),
            ("/me", Argument::Text),
            ("/msg", Argument::Person),
            ("/trace", Argument::Node),
            ("/quit", Argument::Nothing),
        ]
    }
}

/// The words offered, the text that they replace, and what follows.
fn offered(row: usize, before: &str) -> Option<(String, Vec<String>, &'static str)> {
    let found = complete(row, before, &Words)?;
    let typed = before[before.len() - found.typed..].to_owned();
    Some((typed, found.words, found.suffix))
}

fn expect(row: usize, before: &str, typed: &str, words: &[&str], suffix: &str) {
    let words = words.iter().map(|word| (*word).to_owned()).collect();
    let (got_typed, got_words, got_suffix) = offered(row, before).unwrap();
    assert_eq!((got_typed, got_words, got_suffix), (typed.to_owned(), words, suffix), "{before}");
}

#[test]
fn a_name_is_addressed_at_the_start_and_named_elsewhere() {
    expect(0, "be", "be", &["Ben"], ": ");
    expect(0, "ask be", "be", &["Ben"], " ");
    expect(1, "be", "be", &["Ben"], " ");
    expect(0, "AN", "AN", &["anna", "Anton Müller", "anna@barn"], ": ");
    expect(0, "@an", "@an", &["@anna", "@Anton Müller", "@anna@barn"], ": ");
}

#[test]
fn a_name_may_have_spaces_and_letters_of_any_script() {
    expect(0, "Anton M", "Anton M", &["Anton Müller"], ": ");
    expect(0, "well, anton mÜ", "anton mÜ", &["Anton Müller"], " ");
    expect(0, "ån", "ån", &["Ångström"], ": ");
}

#[test]
fn rooms_come_after_a_hash() {
    expect(0, "see #lo", "#lo", &["#lobby", "#logistics"], " ");
    expect(0, "#", "#", &["#lobby", "#logistics", "#~staff"], " ");
}

#[test]
fn commands_come_at_the_start_only() {
    expect(0, "/m", "/m", &["/me", "/msg"], " ");
    expect(0, "/Q", "/Q", &["/quit"], "");
    assert_eq!(offered(1, "/m"), None);
    assert_eq!(offered(0, "/nothing"), None);
}

#[test]
fn what_a_command_wants_is_offered() {
    expect(0, "/join lo", "lo", &["#lobby", "#logistics"], " ");
    expect(0, "/join ~s", "~s", &["#~staff"], " ");
    expect(0, "/msg b", "b", &["Ben"], " ");
    expect(0, "/msg anton mü", "anton mü", &["Anton Müller"], " ");
    expect(0, "/trace ", "", &["kitchen", "barn"], " ");
    expect(0, "/me greets b", "b", &["Ben"], " ");
    expect(0, "/msg ben tell an", "an", &["anna", "Anton Müller", "anna@barn"], " ");
    assert_eq!(offered(0, "/quit b"), None);
    assert_eq!(offered(0, "/unknown b"), None);
}

#[test]
fn an_empty_word_offers_everybody() {
    assert_eq!(offered(0, "").unwrap().1.len(), 5);
    assert_eq!(offered(0, "hello ").unwrap().2, " ");
}

#[test]
fn what_all_have_in_common_has_the_case_of_the_first() {
    let common = |words: &[&str]| {
        common_start(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>())
    };
    assert_eq!(common(&["Anna", "ANton"]), "An");
    assert_eq!(common(&["ÄRA", "ärger"]), "ÄR");
    assert_eq!(common(&["one"]), "one");
    assert_eq!(common(&["a", "b"]), "");
    assert_eq!(common(&[]), "");
}
