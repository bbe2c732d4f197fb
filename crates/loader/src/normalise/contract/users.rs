//! `GET /users`, schema `User` of the vendor's contract.

use clarion_core::StreamName;

use super::{Contract, Field, Kind, field, text};

pub(super) const USERS: Contract =
    Contract { stream: StreamName::USERS, time: None, fields: &[FIELDS], elsewhere: &[], children: &[] };

const FIELDS: &[Field] = &[
    text("email"),
    text("name"),
    text("role"),
    field("is_recording", Kind::Boolean, "is_recording"),
    text("manager_id"),
];
