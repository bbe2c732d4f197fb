//! A plan for people.

use clarion_pipeline::Plan;

use super::paint;
use super::table::{grouped, size, table};

pub(crate) fn plan(plan: &Plan) {
    out!(
        "{}: {} requests, {} rows, {}",
        paint::bold(plan.kind),
        grouped(plan.requests),
        grouped(plan.rows),
        size(plan.bytes)
    );
    if plan.lines.is_empty() {
        out!("nothing to fetch");
    } else {
        out!();
        let rows = plan.lines.iter().map(|line| {
            vec![
                line.stream.to_string(),
                line.purpose.as_str().to_owned(),
                grouped(line.requests),
                grouped(line.rows),
                size(line.bytes),
            ]
        });
        table(&["stream", "purpose", "requests", "rows", "bytes"], rows.collect());
    }
    out!();
    let quota = &plan.quota;
    if let Some(left) = quota.left {
        let kept = grouped(quota.kept);
        let resets = quota.resets_at.format("%F %R UTC");
        out!(
            "{} requests left this week, {kept} of them kept for the forward sync, resets {resets}",
            grouped(left)
        );
    }
    out!("would end {}; this plan cost {} request(s)", plan.ends_at.format("%F %R UTC"), plan.requests_made);
}
