//! What clients ask about rooms: NAMES, LIST, TOPIC, MODE.

use irc_proto::Response;
use meshchat_client::proto::control::{Request, RoomInfo};
use meshchat_client::proto::name::RoomName;

use super::super::errand::Purpose;
use super::Session;

impl Session {
    /// NAMES of one room.
    pub(super) fn names(&mut self, room: &RoomName) {
        let mut line = String::new();
        let most = self.reply(Response::RPL_NAMREPLY).word("=").word(room.as_str()).room();
        for who in self.members(room) {
            let node_name = self.people.get(&who).map(|person| person.node_name.clone());
            let nick = self.nicks.of(&who, node_name.as_deref().unwrap_or_default());
            if !line.is_empty() && line.len() + 1 + nick.len() > most {
                self.names_line(room, &std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(&nick);
        }
        self.names_line(room, &line);
        self.names_end(room.as_str());
    }

    fn names_line(&mut self, room: &RoomName, nicks: &str) {
        let line = self.reply(Response::RPL_NAMREPLY).word("=").word(room.as_str()).text(nicks);
        self.send(line);
    }

    fn names_end(&mut self, room: &str) {
        let line = self.reply(Response::RPL_ENDOFNAMES).word(room).text("End of /NAMES list");
        self.send(line);
    }

    /// NAMES as asked: rooms that the client is in, by default all of them.
    pub(super) fn ask_names(&mut self, names: Option<&str>) {
        let rooms: Vec<String> = match names {
            Some(names) => names.split(',').map(str::to_owned).collect(),
            None => self.rooms.keys().map(RoomName::to_string).collect(),
        };
        for name in rooms {
            match name.parse::<RoomName>() {
                Ok(room) if self.rooms.contains_key(&room) => self.names(&room),
                _ => self.names_end(&name),
            }
        }
    }

    /// LIST.
    pub(super) fn ask_list(&mut self, names: Option<&str>) {
        let names = names.unwrap_or_default().split(',').filter(|name| name.starts_with('#'));
        let names = names.map(str::to_lowercase).collect();
        self.ask(Request::Rooms {}, Purpose::List(names));
    }

    pub(super) fn list(&mut self, wanted: &[String], rooms: &[RoomInfo]) {
        let line = self.reply(Response::RPL_LISTSTART).word("Channel").text("Users  Name");
        self.send(line);
        let named = |info: &&RoomInfo| {
            wanted.is_empty() || wanted.iter().any(|name| name == info.room.as_str())
        };
        for info in rooms.iter().filter(named) {
            let private = if info.private { "private, " } else { "" };
            let words = format!("{private}{} messages in history", info.messages);
            let line = self.reply(Response::RPL_LIST).word(info.room.as_str());
            self.send(line.word(info.present.to_string()).text(words));
        }
        self.list_end();
    }

    pub(super) fn list_end(&mut self) {
        let line = self.reply(Response::RPL_LISTEND).text("End of /LIST");
        self.send(line);
    }

    /// TOPIC: there are none.
    pub(super) fn topic(&mut self, room: &str, new: Option<&str>) {
        if new.is_some() {
            self.no_operators(room, "rooms have no topic here");
        } else {
            self.refuse(Response::RPL_NOTOPIC, room, "No topic is set");
        }
    }

    /// MODE of a room.
    pub(super) fn room_mode(&mut self, room: &str, modes: &[String]) {
        let asked: String = modes.concat();
        let asked = asked.trim_start_matches('+');
        match asked.chars().next() {
            None => {
                let line = self.reply(Response::RPL_CHANNELMODEIS).word(room).word("+nt");
                self.send(line);
            }
            Some('b') if asked.len() == 1 => {
                self.refuse(Response::RPL_ENDOFBANLIST, room, "End of channel ban list");
            }
            Some(_) => self.no_operators(room, "rooms have no modes here"),
        }
    }

    /// MODE of the client itself.
    pub(super) fn own_mode(&mut self, nick: &str, modes: &[String]) {
        if super::super::nicks::fold(nick) != super::super::nicks::fold(&self.me.nick) {
            let line = self.reply(Response::ERR_USERSDONTMATCH).text("that is not you");
            self.send(line);
        } else if modes.is_empty() || modes.iter().any(|mode| mode.contains('i')) {
            // Clients ask to be invisible by themselves; whoever is in no common room is.
            let line = self.reply(Response::RPL_UMODEIS).word("+i");
            self.send(line);
        } else {
            let line = self.reply(Response::ERR_UMODEUNKNOWNFLAG).text("there are no such modes");
            self.send(line);
        }
    }

    /// What only operators of channels could do.
    pub(super) fn no_operators(&mut self, room: &str, words: &str) {
        let words = format!("{words}; rooms have no operators, whoever knows a name may enter");
        self.refuse(Response::ERR_CHANOPRIVSNEEDED, room, &words);
    }
}
