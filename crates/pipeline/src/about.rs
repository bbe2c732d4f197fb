//! Which call a record is about.

use clarion_core::json::{Json, skim};
use clarion_core::{RecordKey, StreamName};

/// The streams whose records are keyed by a call's id.
pub(crate) const CALL_STREAMS: [StreamName; 2] = [StreamName::CALLS, StreamName::CALL_DETAILS];

/// The call that a record of another stream names in its `call_id`, as a scorecard does in the vendor's contract.
pub(crate) fn call_of(data: &[u8]) -> Option<RecordKey> {
    let [raw] = skim(data, ["call_id"]).ok()?;
    let id = Json::parse(raw?.as_bytes()).ok()?;
    RecordKey::parse(id.as_str()?).ok()
}

#[cfg(test)]
mod tests {
    use super::call_of;

    #[test]
    fn a_record_names_its_call_in_one_field_only() {
        let call = |data: &str| call_of(data.as_bytes()).map(|key| key.to_string());
        assert_eq!(call(r#"{"id":"s","call_id":"a\u002d1"}"#).as_deref(), Some("a-1"));
        for data in
            [r#"{"id":"s"}"#, r#"{"call_id":null}"#, r#"{"call_id":""}"#, r#"{"deep":{"call_id":"a"}}"#, "{"]
        {
            assert_eq!(call(data), None, "{data}");
        }
    }
}
