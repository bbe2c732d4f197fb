//! Values that the contract enumerates.

pub(super) const STATUSES: [&str; 17] = [
    "SCHEDULED",
    "INITIATED",
    "INPROGRESS",
    "WAITING_IN_QUEUE",
    "PROCESSING",
    "PROCESSED",
    "ERROR_IN_TRANSCRIBE",
    "ERROR_IN_PROCESSING",
    "ERROR_IN_RECORDING",
    "UNABLE_TO_JOIN",
    "CALL_DID_NOT_HAPPEN",
    "IGNORED_BY_USER",
    "BOTJOIN_DISABLED",
    "POST_PROCESSING_DONE",
    "NO_DATA_INCALL",
    "NOBODY_JOINED_CALL",
    "BOTJOIN_DENIED",
];

pub(super) const TYPES: [&str; 14] = [
    "ZOOM",
    "GOOGLE_MEET",
    "FRESHCALLER",
    "AIRCALL_RECORDING",
    "RINGCENTRAL",
    "GOTO_MEETING",
    "OUTREACH",
    "HUBSPOT",
    "BLUE_JEANS",
    "SALESLOFT",
    "MS_TEAMS",
    "DIALPAD",
    "FRONTSPIN",
    "TALKDESK",
];

pub(super) const DIRECTIONS: [&str; 2] = ["asc", "desc"];
