//! What a client is told when it comes in.

use irc_proto::Response;
use meshchat_client::proto::control::Status;
use meshchat_client::proto::limits::{NAME_CHARS, NOTE_CHARS, ROOM_CHARS, ROOMS_PER_PERSON};

use super::super::history::MOST;
use super::super::nicks::host;
use super::Session;
use super::talk::TARGETS;

impl Session {
    pub(super) fn welcome(&mut self, status: &Status) {
        let mesh = network(status);
        let (nick, server) = (self.me.nick.clone(), self.me.server.clone());
        let line = self.reply(Response::RPL_WELCOME);
        self.send(line.text(format!("Welcome to the meshchat network {mesh}, {nick}")));
        let line = self.reply(Response::RPL_YOURHOST);
        self.send(line.text(format!("Your node is {} ({})", status.name, status.software)));
        let line = self.reply(Response::RPL_CREATED);
        self.send(line.text(format!("This door is {}", crate::SOFTWARE)));
        let line =
            self.reply(Response::RPL_MYINFO).word(server).word(crate::SOFTWARE.replace(' ', "-"));
        self.send(line.word("i").word("nt"));
        self.support(&mesh);
        self.lusers(status);
        self.motd(status);
    }

    fn support(&mut self, mesh: &str) {
        let tokens = [
            format!("NETWORK={}", host(mesh)),
            "CASEMAPPING=ascii".to_owned(),
            "CHANTYPES=#".to_owned(),
            format!("CHANLIMIT=#:{ROOMS_PER_PERSON}"),
            "CHANMODES=b,,,nt".to_owned(),
            "PREFIX=(ov)@+".to_owned(),
            format!("NICKLEN={NAME_CHARS}"),
            format!("CHANNELLEN={ROOM_CHARS}"),
            format!("AWAYLEN={NOTE_CHARS}"),
            format!("TARGMAX=PRIVMSG:{TARGETS},NOTICE:{TARGETS},JOIN:,PART:,WHOIS:1"),
            format!("CHATHISTORY={MOST}"),
            "MSGREFTYPES=msgid,timestamp".to_owned(),
            "CLIENTTAGDENY=*".to_owned(),
            "UTF8ONLY".to_owned(),
        ];
        // RFC 2812 has at most 15 parameters in a line.
        for some in tokens.chunks(10) {
            let line = some
                .iter()
                .fold(self.reply(Response::RPL_ISUPPORT), |line, token| line.word(token));
            self.send(line.text("are supported here"));
        }
    }

    pub(super) fn lusers(&mut self, status: &Status) {
        let (people, nodes) = (status.people_present, status.nodes_reachable);
        let line = self.reply(Response::RPL_LUSERCLIENT);
        self.send(line.text(format!("There are {people} people on {nodes} nodes")));
        let line = self.reply(Response::RPL_LUSERCHANNELS).word(self.rooms.len().to_string());
        self.send(line.text("rooms that you are in"));
        let line = self.reply(Response::RPL_LUSERME);
        let words = format!("I have {} clients and {} links", status.clients, status.links);
        self.send(line.text(words));
    }

    pub(super) fn motd(&mut self, status: &Status) {
        let mut words = vec![
            format!("node {} ({}), {}", status.name, status.node.short(), status.software),
            format!("network: {}", network(status)),
            format!(
                "{} of {} known nodes can be reached, {} people are there",
                status.nodes_reachable, status.nodes_known, status.people_present
            ),
        ];
        if let Some(missing) = &status.missing {
            let names: Vec<&str> =
                missing.names.iter().map(|name| name.as_str()).take(NAMES).collect();
            words.push(format!("out of reach: {}", names.join(", ")));
        }
        words.extend(status.notes.iter().take(NAMES).map(|note| format!("note: {note}")));
        let server = &self.me.server;
        let start = format!("- {server} Message of the day -");
        let line = self.reply(Response::RPL_MOTDSTART).text(start);
        self.send(line);
        for words in words {
            let line = self
                .reply(Response::RPL_MOTD)
                .text(format!("- {}", super::super::text::line(&words)));
            self.send(line);
        }
        let line = self.reply(Response::RPL_ENDOFMOTD).text("End of /MOTD");
        self.send(line);
    }
}

fn network(status: &Status) -> String {
    status.network_name.clone().unwrap_or_else(|| "open".to_owned())
}

/// Nodes, and notes, that are named at once.
const NAMES: usize = 16;
