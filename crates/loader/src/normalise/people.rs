//! Who is who in a call: `personId` means something within one call only.

use std::borrow::Cow;

use clarion_core::json::Json;

use super::value::{person_key, scalar_text};

/// The people of a call: users, then external participants, then whoever else joined.
#[derive(Default)]
pub(super) struct People<'a>(Vec<Person<'a>>);

pub(super) struct Person<'a> {
    pub(super) role: Role,
    pub(super) object: &'a Json<'a>,
    pub(super) name: Option<Cow<'a, str>>,
    pub(super) email: Option<Cow<'a, str>>,
    pub(super) phone: Option<Cow<'a, str>>,
    pub(super) joined: bool,
    key: Option<Cow<'a, str>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    User,
    External,
    /// In the list of those who joined and in no other.
    Joined,
}

impl<'a> People<'a> {
    pub(super) fn of(call: &'a Json<'a>) -> Self {
        let joined: Vec<Person<'a>> = people(call, "joinedParticipants", Role::Joined).collect();
        let mut all: Vec<Person<'a>> = people(call, "users", Role::User).collect();
        all.extend(people(call, "externalParticipants", Role::External));
        for person in &mut all {
            let same = joined.iter().find(|other| person.key.is_some() && other.key == person.key);
            person.joined = same.is_some();
            // The contract's user has no name of its own.
            if person.role == Role::User && person.name.is_none() {
                person.name = same.and_then(|same| same.name.clone());
            }
        }
        let invited = all.len();
        for person in joined {
            let is_known = person.key.is_some() && all[..invited].iter().any(|other| other.key == person.key);
            if !is_known {
                all.push(person);
            }
        }
        Self(all)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Person<'a>> {
        self.0.iter()
    }

    /// The person that a `personId` of this call means.
    pub(super) fn find(&self, id: Option<&Json<'_>>) -> Option<&Person<'a>> {
        let key = person_key(id?)?;
        self.0.iter().find(|person| person.key.as_ref() == Some(&key))
    }
}

impl Person<'_> {
    /// Which side they are on; unknown for those who are in neither list.
    pub(super) fn is_internal(&self) -> Option<bool> {
        match self.role {
            Role::User => Some(true),
            Role::External => Some(false),
            Role::Joined => None,
        }
    }

    /// How a transcript calls them.
    pub(super) fn label(&self) -> Option<&str> {
        let name = self.name.as_deref().filter(|name| !name.is_empty());
        name.or(self.email.as_deref().filter(|email| !email.is_empty()))
    }
}

impl Role {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::External => "external",
            Self::Joined => "joined",
        }
    }
}

fn people<'a>(call: &'a Json<'a>, list: &str, role: Role) -> impl Iterator<Item = Person<'a>> {
    let items = call.get(list).and_then(Json::as_list).unwrap_or_default();
    let objects = items.iter().filter(|item| matches!(item, Json::Object(_)));
    objects.map(move |object| person(object, role))
}

fn person<'a>(object: &'a Json<'a>, role: Role) -> Person<'a> {
    let text = |name: &str| object.get(name).and_then(|value| scalar_text(value, true));
    let user_email = if role == Role::User { text("userEmail") } else { None };
    Person {
        role,
        object,
        name: text("name"),
        email: user_email.or_else(|| text("email")),
        phone: text("phone"),
        joined: role == Role::Joined,
        key: object.get("personId").and_then(person_key),
    }
}
