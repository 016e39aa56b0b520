//! What clients ask about people: WHO, WHOIS, USERHOST, ISON.

use irc_proto::Response;
use meshchat_client::proto::control::{NodeInfo, NodeState, PersonStatus, Request};
use meshchat_client::proto::id::NodeId;
use meshchat_client::proto::name::RoomName;

use super::super::errand::Purpose;
use super::super::nicks::{Who, fold, host};
use super::super::text;
use super::super::wire::Line;
use super::people::span;
use super::{Person, Session, user};

impl Session {
    /// WHO of a room, of somebody, or of everybody.
    pub(super) fn ask_who(&mut self, mask: Option<&str>) {
        let mask = mask.unwrap_or("*").to_owned();
        self.ask(Request::Nodes {}, Purpose::WhoList(mask));
    }

    pub(super) fn who_list(&mut self, mask: &str) {
        let room = mask.parse::<RoomName>().ok().filter(|_| mask.starts_with('#'));
        let everybody = matches!(mask, "*" | "0" | "**");
        let found: Vec<Who> = match &room {
            Some(room) if self.rooms.contains_key(room) => self.members(room),
            Some(_) => Vec::new(),
            None if everybody => self.people.keys().take(MOST).cloned().collect(),
            None => self.nicks.who(mask).cloned().into_iter().collect(),
        };
        let shown = room.as_ref().map_or("*", RoomName::as_str);
        for who in found {
            self.who_line(shown, &who);
        }
        self.refuse(Response::RPL_ENDOFWHO, mask, "End of /WHO list");
    }

    fn who_line(&mut self, room: &str, who: &Who) {
        let person = self.people.get(who).cloned();
        let node_name = person.as_ref().map_or(&self.me.node_name, |person| &person.node_name);
        let node_name = node_name.clone();
        let hops = self.node(&who.node).and_then(|node| node.hops).unwrap_or(0);
        let away = person.as_ref().is_some_and(Person::is_away);
        let nick = self.nicks.of(who, &node_name);
        let line = self.reply(Response::RPL_WHOREPLY).word(room).word(user(who));
        let line =
            line.word(host(&node_name)).word(format!("{}.mesh", host(&node_name))).word(nick);
        let line = line.word(if away { "G" } else { "H" });
        self.send(line.text(format!("{hops} {}@{node_name}", who.name)));
    }

    /// WHOIS of the first of these nicks.
    pub(super) fn ask_whois(&mut self, names: &str) {
        let name = names.split(',').next().unwrap_or_default();
        match self.nicks.who(name).cloned() {
            Some(who) => self.ask(Request::Nodes {}, Purpose::Whois(who)),
            None => {
                self.refuse(Response::ERR_NOSUCHNICK, name, "nobody here is called so");
                self.refuse(Response::RPL_ENDOFWHOIS, name, "End of /WHOIS list");
            }
        }
    }

    pub(super) fn whois(&mut self, who: &Who) {
        let Some(person) = self.people.get(who).cloned() else {
            let nick = self.shown_nick(who);
            self.refuse(Response::ERR_NOSUCHNICK, &nick, "is not known any more");
            self.refuse(Response::RPL_ENDOFWHOIS, &nick, "End of /WHOIS list");
            return;
        };
        let nick = self.nicks.of(who, &person.node_name);
        let at = host(&person.node_name);
        let line = self.reply(Response::RPL_WHOISUSER).word(&nick).word(user(who)).word(&at);
        self.send(line.word("*").text(format!("{}@{}", who.name, person.node_name)));
        let node = self.node(&who.node).cloned();
        let software = node.as_ref().map(|node| node.software.clone()).unwrap_or_default();
        let line = self.reply(Response::RPL_WHOISSERVER).word(&nick).word(format!("{at}.mesh"));
        self.send(line.text(text::line(&software)));
        let rooms: Vec<&str> =
            person.rooms.iter().filter(|room| !room.is_sealed()).map(RoomName::as_str).collect();
        if !rooms.is_empty() {
            let line = self.reply(Response::RPL_WHOISCHANNELS).word(&nick).text(rooms.join(" "));
            self.send(line);
        }
        if person.is_away() {
            let note = text::line(&self.away_note(&person));
            let line = self.reply(Response::RPL_AWAY).word(&nick).text(note);
            self.send(line);
        }
        for words in self.facts(&person, node.as_ref()) {
            let line = Line::new(&self.me.server, WHOIS_SPECIAL).word(&self.me.nick);
            let line = line.word(&nick).text(text::line(&words));
            self.send(line);
        }
        let since = self.since(&person);
        let line = self.reply(Response::RPL_WHOISIDLE).word(&nick).word(since.to_string());
        let line = line.word((self.now.wall_ms / 1000).saturating_sub(since).to_string());
        self.send(line.text("seconds in this state, since"));
        self.refuse(Response::RPL_ENDOFWHOIS, &nick, "End of /WHOIS list");
    }

    /// What RFC 2812 has no reply for.
    fn facts(&self, person: &Person, node: Option<&NodeInfo>) -> Vec<String> {
        let state = match person.state {
            PersonStatus::Online => "online",
            PersonStatus::Away => "away",
            PersonStatus::Unreachable => "unreachable",
            PersonStatus::Offline => "offline",
            PersonStatus::Unknown => "in an unknown state",
        };
        let mut facts = vec![format!("is {state} for {}", span(self.since(person)))];
        if let Some(node) = node {
            let path: Vec<&str> = node.path.iter().map(|hop| hop.name.as_str()).collect();
            facts.push(match (node.state, node.hops) {
                (NodeState::Here, _) => "is on this node".to_owned(),
                (_, Some(1)) => format!("is on node {}, linked directly", node.name),
                (_, Some(hops)) => {
                    format!("is on node {}, {hops} links away: {}", node.name, path.join(" > "))
                }
                (_, None) => format!("is on node {}, out of reach", node.name),
            });
        }
        if person.gateway {
            facts.push("came in through a door of that node".to_owned());
        }
        if person.verified {
            facts.push("the safety number of that node was compared".to_owned());
        }
        if person.muted {
            facts.push("you have muted or blocked them".to_owned());
        }
        facts
    }

    /// USERHOST.
    pub(super) fn userhost(&mut self, names: &[String]) {
        let mut found = Vec::new();
        for name in names.iter().take(USERHOST) {
            let Some(who) = self.nicks.who(name).cloned() else { continue };
            let person = self.people.get(&who);
            let away = if person.is_some_and(Person::is_away) { '-' } else { '+' };
            let node_name = person.map_or(&self.me.node_name, |person| &person.node_name);
            let at = host(node_name);
            found.push(format!("{}={away}{}@{at}", self.shown_nick(&who), user(&who)));
        }
        let line = self.reply(Response::RPL_USERHOST).text(found.join(" "));
        self.send(line);
    }

    /// ISON: who of these can be talked to now.
    pub(super) fn ison(&mut self, names: &[String]) {
        let all = names.iter().flat_map(|name| name.split(' '));
        let is_on = |name: &&str| {
            let who = self.nicks.who(name);
            let person = who.and_then(|who| self.people.get(who));
            let here = matches!(
                person.map(|person| person.state),
                Some(PersonStatus::Online | PersonStatus::Away)
            );
            here || fold(name) == fold(&self.me.nick)
        };
        let found: Vec<&str> = all.filter(is_on).collect();
        let line = self.reply(Response::RPL_ISON).text(found.join(" "));
        self.send(line);
    }

    fn node(&self, id: &NodeId) -> Option<&NodeInfo> {
        self.nodes.iter().find(|node| node.node == *id)
    }
}

/// Free words of WHOIS, as many servers send them.
const WHOIS_SPECIAL: &str = "320";
/// People of one answer to WHO.
const MOST: usize = 500;
/// RFC 2812, section 4.8.
const USERHOST: usize = 5;
