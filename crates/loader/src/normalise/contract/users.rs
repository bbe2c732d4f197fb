//! `GET /users`, schema `User` of the vendor's contract.

use super::{Contract, Field, Kind, field, text};

pub(super) const USERS: Contract = Contract::plain("users", &["id"], &[FIELDS]);

const FIELDS: &[Field] = &[
    text("email"),
    text("name"),
    text("role"),
    field("is_recording", Kind::Boolean, "is_recording"),
    text("manager_id"),
];
