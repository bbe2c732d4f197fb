//! `GET /get-account`, `/get-deal`, `/get-contact`, schemas `Account`, `Deal` and `Contact` of the vendor's contract; and
//! the lists `/accounts` and `/opportunities`, which are outside of it and carry the same objects.

use super::{Contract, Field, Kind, field, text, time};

pub(super) const ACCOUNTS: Contract = Contract::plain("accounts", &["id"], &[CRM_ID, ACCOUNT]);
pub(super) const OPPORTUNITIES: Contract = Contract::plain("opportunities", &["id"], &[CRM_ID, DEAL]);
// Asked for by the id in the CRM, which is what calls name.
pub(super) const CRM_ACCOUNTS: Contract = Contract::plain("crm_accounts", &["crm_id"], &[ID, ACCOUNT]);
pub(super) const CRM_DEALS: Contract = Contract::plain("crm_deals", &["crm_id"], &[ID, DEAL]);
pub(super) const CRM_CONTACTS: Contract = Contract::plain("crm_contacts", &["crm_id"], &[ID, CONTACT]);

const ID: &[Field] = &[text("id")];

const CRM_ID: &[Field] = &[text("crm_id")];

const ACCOUNT: &[Field] = &[
    text("name"),
    field("phones", TEXTS, "phones"),
    text("description"),
    text("website"),
    text("address"),
    text("city"),
    text("state"),
    text("country"),
    text("zip"),
    field("custom_fields", CUSTOM_FIELDS, "custom_fields"),
];

const DEAL: &[Field] = &[
    text("owner_crm_id"),
    text("deal_name"),
    text("amount"),
    time("close_date"),
    time("created_date"),
    time("last_contacted"),
    time("next_call_date"),
    text("stage"),
    text("probability"),
    text("forecast_category"),
    text("account_crm_id"),
    field("stage_change_history", Kind::List(&STAGE_CHANGE), "stage_change_history"),
    field("close_date_change_history", Kind::List(&CLOSE_DATE_CHANGE), "close_date_change_history"),
    field("custom_fields", CUSTOM_FIELDS, "custom_fields"),
    text("deal_reason"),
];

const CONTACT: &[Field] = &[
    text("account_crm_id"),
    text("first_name"),
    text("last_name"),
    text("job_title"),
    field("phones", TEXTS, "phones"),
    text("stage"),
    text("reason"),
    field("emails", TEXTS, "emails"),
    field("is_lead", Kind::Boolean, "is_lead"),
    field("custom_fields", CUSTOM_FIELDS, "custom_fields"),
];

const TEXTS: Kind = Kind::List(&Kind::Text);

const CUSTOM_FIELDS: Kind = Kind::List(&Kind::Struct(&[("key", Kind::Text), ("value", Kind::Text)]));

const STAGE_CHANGE: Kind =
    Kind::Struct(&[("stage", Kind::Text), ("prev_stage", Kind::Text), ("date_changed", Kind::Timestamp)]);

const CLOSE_DATE_CHANGE: Kind = Kind::Struct(&[
    ("close_date", Kind::Timestamp),
    ("prev_close_date", Kind::Timestamp),
    ("date_changed", Kind::Timestamp),
]);
