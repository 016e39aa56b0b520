//! What is kept on disk of direct messages, which are sealed already, and of private rooms.

use meshchat_core::{SavedMail, SavedRooms};

use super::Hub;
use crate::store::StateFile;

impl Hub {
    pub(super) fn load_mail(&mut self) {
        match self.parts.store.load::<SavedMail>(StateFile::Mail) {
            Ok(saved) => self.node.load_mail(self.now(), saved.unwrap_or_default()),
            Err(error) => {
                tracing::error!("direct messages start anew: {error}; {}", error.fix());
            }
        }
        match self.parts.store.load::<SavedRooms>(StateFile::Rooms) {
            Ok(saved) => self.node.load_rooms(self.now(), saved.unwrap_or_default()),
            Err(error) => tracing::error!("private rooms are lost: {error}; {}", error.fix()),
        }
    }

    pub(super) fn save_rooms(&self, rooms: &SavedRooms) {
        if let Err(error) = self.parts.store.save(StateFile::Rooms, rooms) {
            tracing::error!("cannot keep private rooms: {error}; {}", error.fix());
        }
    }

    pub(super) fn save_mail(&self, mail: &SavedMail) {
        if let Err(error) = self.parts.store.save(StateFile::Mail, mail) {
            tracing::error!("cannot keep direct messages: {error}; {}", error.fix());
        }
    }
}
