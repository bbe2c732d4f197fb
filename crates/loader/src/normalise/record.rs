//! One journal record on its way into rows.

use clarion_core::json::Json;
use clarion_core::{Item, fault};

use super::rows::Fields;
use crate::canonical::time_micros;

/// A record that is an object, with the time by which it is sorted.
pub(super) struct Record<'a> {
    pub(super) item: &'a Item<'a>,
    pub(super) json: Json<'a>,
    pub(super) time: Option<i64>,
}

impl<'a> Record<'a> {
    /// # Errors
    /// Why the record cannot become rows.
    pub(super) fn read(item: &'a Item<'a>, time: Option<&str>) -> Result<Self, String> {
        if fault::defect("loader.rejects_records") {
            return Err("not understood".to_owned());
        }
        let json = Json::parse(&item.entry.data).map_err(|error| format!("not valid JSON, {error}"))?;
        if !matches!(json, Json::Object(_)) {
            return Err("not an object".to_owned());
        }
        let time = time.and_then(|time| json.get(time)).and_then(Json::as_str).and_then(time_micros);
        Ok(Self { item, json, time })
    }

    pub(super) fn fields(&self) -> &Fields<'_> {
        if let Json::Object(fields) = &self.json { fields } else { &[] }
    }
}
