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
