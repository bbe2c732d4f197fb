//! What a call's status says about its details.

/// Where a call stands in the vendor's processing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusClass {
    /// Transcript and summary exist, or are about to.
    Ready,
    /// There will never be a transcript.
    Final,
    /// Not there yet; also every status that we do not know.
    OnTheWay,
}

impl StatusClass {
    pub fn of(status: Option<&str>) -> Self {
        match status.unwrap_or_default() {
            "PROCESSED" | "POST_PROCESSING_DONE" => Self::Ready,
            "ERROR_IN_TRANSCRIBE"
            | "ERROR_IN_PROCESSING"
            | "ERROR_IN_RECORDING"
            | "UNABLE_TO_JOIN"
            | "CALL_DID_NOT_HAPPEN"
            | "IGNORED_BY_USER"
            | "BOTJOIN_DISABLED"
            | "NO_DATA_INCALL"
            | "NOBODY_JOINED_CALL"
            | "BOTJOIN_DENIED" => Self::Final,
            _ => Self::OnTheWay,
        }
    }

    /// Whether the details of such a call are worth a request.
    pub fn has_details(self) -> bool {
        self != Self::OnTheWay
    }
}

/// Whether a call's details say something, given the raw values of its transcript and its summary.
pub fn has_content(transcript: Option<&str>, summary: Option<&str>) -> bool {
    let has_turns =
        |list: &str| list.strip_prefix('[').is_some_and(|rest| !rest.trim_start().starts_with(']'));
    transcript.is_some_and(has_turns) && summary.is_some_and(|summary| summary != "null")
}

#[cfg(test)]
mod tests {
    use super::has_content;
    use crate::json::skim;

    #[test]
    fn a_call_has_content_with_a_transcript_and_a_summary() {
        let cases = [
            (r#"{"transcript":[{"text":"hi"}],"summary":{"full_summary":"x"}}"#, true),
            (r#"{ "transcript" : [ {"text":"hi"} ], "summary" : {} }"#, true),
            (r#"{"transcript":[{"text":"say \"summary\":{ now"}]}"#, false),
            (r#"{"transcript":[ ],"summary":{"full_summary":"x"}}"#, false),
            (r#"{"transcript":[{"text":"hi"}],"summary":null}"#, false),
        ];
        for (data, expected) in cases {
            let [transcript, summary] = skim(data.as_bytes(), ["transcript", "summary"]).expect("valid");
            assert_eq!(has_content(transcript, summary), expected, "{data}");
        }
    }
}
