//! `/calls`, `/call-details` and the calls of a playlist.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::contract::{DIRECTIONS, STATUSES, TYPES};
use super::{Refused, pagination};
use crate::answer::Answer;
use crate::book::Order;
use crate::call::{Call, View};
use crate::options::Quirks;
use crate::params::{Bad, Between, Page, Params};
use crate::state::{Shared, State};

/// Page size of `/calls` unless asked for another.
const CALLS_LIMIT: usize = 25;
/// Page size of a playlist's calls unless asked for another.
const PLAYLIST_LIMIT: usize = 50;

pub(super) fn list(shared: &Shared, params: &Params) -> Result<Answer, Refused> {
    let (listing, overlay, quirks, request) = {
        let mut state = shared.lock();
        let request = Request::read(params, &state.quirks)?;
        (state.book.listing(request.order), state.overlay.clone(), state.quirks.clone(), request)
    };
    let matching = || listing.iter().filter(|call| request.filter.holds(call));
    let page = request.page;
    let sent: Vec<_> = matching().skip(page.skip).take(page.limit).collect();
    let view = View { audio: request.audio, video: request.video, overlay: &overlay };
    let mut body = written(&sent, view);
    if request.pagination {
        let matched = matching().count();
        let mut pagination = pagination(page, sent.len(), matched);
        pagination["matched"] = matched.saturating_add_signed(quirks.matched_delta as isize).into();
        body.extend_from_slice(format!(",\"pagination\":{pagination}").as_bytes());
    }
    body.push(b'}');
    Ok(Answer::json(body))
}

pub(super) fn details(state: &State, params: &Params) -> Result<Answer, Refused> {
    let id = params.required("id")?;
    let (audio, video) = (params.flag("includeAudio", false)?, params.flag("includeVideo", false)?);
    let call = state.book.get(id).ok_or(Refused::Missing("call not found"))?;
    let mut body = Vec::with_capacity(64 * 1024);
    body.extend_from_slice(b"{\"call\":");
    call.write_details(&mut body, View { audio, video, overlay: &state.overlay });
    body.push(b'}');
    Ok(Answer::json(body))
}

/// A playlist's calls in its own order, those deleted since left out.
pub(super) fn of_playlist(state: &State, id: &str, params: &Params) -> Result<Answer, Refused> {
    let page = params.page(PLAYLIST_LIMIT)?;
    let playlist = state.collections.find("playlists", "id", id);
    let playlist = playlist.ok_or(Refused::Missing("playlist not found"))?;
    let ids = playlist.get("call_ids").and_then(|ids| ids.as_array()).into_iter().flatten();
    let calls: Vec<_> = ids.filter_map(|id| state.book.get(id.as_str()?)).collect();
    let sent: Vec<_> = calls.iter().copied().skip(page.skip).take(page.limit).collect();
    let mut body = written(&sent, View { audio: false, video: false, overlay: &state.overlay });
    let pagination = pagination(page, sent.len(), calls.len());
    body.extend_from_slice(format!(",\"pagination\":{pagination}}}").as_bytes());
    Ok(Answer::json(body))
}

/// A checked `GET /calls`.
struct Request {
    page: Page,
    order: Order,
    audio: bool,
    video: bool,
    pagination: bool,
    filter: Filter,
}

impl Request {
    fn read(params: &Params, quirks: &Quirks) -> Result<Self, Bad> {
        let mut request = Self {
            page: params.page(CALLS_LIMIT)?,
            order: order(params)?,
            audio: params.flag("includeAudio", false)?,
            video: params.flag("includeVideo", false)?,
            pagination: params.flag("includePagination", true)?,
            filter: Filter::read(params)?,
        };
        if quirks.unsorted {
            request.order = Order::Arbitrary;
        }
        if quirks.ignore_skip {
            request.page.skip = 0;
            request.filter.time = Between::OPEN;
            request.filter.modified = Between::OPEN;
        }
        Ok(request)
    }
}

/// All conditions together; the values of one are alternatives.
struct Filter {
    private: bool,
    time: Between<DateTime<Utc>>,
    modified: Between<DateTime<Utc>>,
    duration: Between<f64>,
    statuses: Vec<String>,
    kinds: Vec<String>,
    source_ids: Vec<String>,
    users: Vec<String>,
    attendees: Vec<String>,
    topics: Vec<String>,
}

impl Filter {
    fn read(params: &Params) -> Result<Self, Bad> {
        let owned = |values: Vec<&str>| values.into_iter().map(str::to_owned).collect();
        Ok(Self {
            private: params.include_private()?,
            time: params.times("filterTime")?,
            modified: params.times("filterModified")?,
            duration: params.durations()?,
            statuses: owned(params.choices("filterStatus", &STATUSES)?),
            kinds: owned(params.choices("filterType", &TYPES)?),
            source_ids: owned(params.all("filterSourceId")),
            users: owned(params.all("filterUser")),
            attendees: owned(params.all("filterAttendees")),
            topics: owned(params.all("filterTopics")),
        })
    }

    fn holds(&self, call: &Call) -> bool {
        let index = &call.index;
        let source_id = index.source_id.as_slice();
        (self.private || !call.private)
            && self.time.holds(index.time)
            && self.modified.holds(index.modified)
            && self.duration.holds(index.duration)
            && meet(&self.statuses, std::slice::from_ref(&index.status))
            && meet(&self.kinds, std::slice::from_ref(&index.kind))
            && meet(&self.source_ids, source_id)
            && meet(&self.users, &index.user_emails)
            && meet(&self.attendees, &index.attendee_emails)
            && meet(&self.topics, &index.topics)
    }
}

/// Whether the call has one of the wanted values; nothing wanted is always met.
fn meet(wanted: &[String], present: &[String]) -> bool {
    wanted.is_empty() || wanted.iter().any(|value| present.contains(value))
}

fn order(params: &Params) -> Result<Order, Bad> {
    let by_time = params.choice("sortTime", &DIRECTIONS)?;
    let by_processed = params.choice("sortProcessed", &DIRECTIONS)?;
    Ok(match (by_time, by_processed) {
        (Some(direction), _) => Order::Time { descending: direction == "desc" },
        (None, Some(direction)) => Order::Modified { descending: direction == "desc" },
        (None, None) => Order::Arbitrary,
    })
}

/// `{"calls":[…]` with the object still open.
fn written(calls: &[&Arc<Call>], view: View<'_>) -> Vec<u8> {
    let mut body = Vec::with_capacity(calls.len() * 4096 + 128);
    body.extend_from_slice(b"{\"calls\":[");
    for (position, call) in calls.iter().enumerate() {
        if position > 0 {
            body.push(b',');
        }
        call.write_listed(&mut body, view);
    }
    body.push(b']');
    body
}
