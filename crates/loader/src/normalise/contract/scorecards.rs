//! `GET /scorecard` and `/scorecard-template`, schemas `Scorecard` and `ScoreCardTemplate` of the vendor's contract.

use clarion_core::StreamName;

use super::{Child, Contract, Field, Kind, Rows, field, text};

pub(super) const SCORECARDS: Contract = Contract {
    stream: StreamName::of("scorecards"),
    key: &["id"],
    time: None,
    fields: &[SCORECARD],
    elsewhere: &[],
    children: &[ANSWERS],
};

pub(super) const SCORECARD_TEMPLATES: Contract = Contract::plain("scorecard_templates", &["id"], &[TEMPLATE]);

const SCORECARD: &[Field] = &[
    text("type"),
    text("rep"),
    text("scorer"),
    text("template_id"),
    text("call_id"),
    field("total_score", Kind::Double, "total_score"),
    text("remark"),
    field("questions_score", Kind::List(&ANSWER), "questions_score"),
];

const ANSWER: Kind = Kind::Struct(&[
    ("score", Kind::Integer),
    ("skill", Kind::Text),
    ("label", Kind::Text),
    ("order", Kind::Text),
]);

const ANSWERS: Child = Child {
    table: "scorecard_answers",
    parent: "scorecard_id",
    rows: Rows::List("questions_score"),
    fields: &[text("skill"), text("label"), field("score", Kind::Integer, "score"), text("order")],
    consumed: &[],
};

const TEMPLATE: &[Field] = &[
    text("customer_id"),
    text("name"),
    text("type"),
    field("questions", Kind::List(&QUESTION), "questions"),
];

const QUESTION: Kind = Kind::Struct(&[("skill", Kind::Text), ("label", Kind::Text), ("order", Kind::Text)]);
