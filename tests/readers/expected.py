"""What the tables must hold, computed from the vendor's JSON alone: nothing here knows the product's code."""

import re
from datetime import datetime, timezone

ON_THEIR_WAY = {"SCHEDULED", "INITIATED", "INPROGRESS", "WAITING_IN_QUEUE", "PROCESSING"}
RENAMED = {"externalParticipants": "external_participants", "joinedParticipants": "joined_participants"}
# Signed addresses that expire: never asked for, so never there.
MEDIA = ["audio_url", "video_url"]
DETAILS_ONLY = ["summary", "competitor_sentiments", "deal_stage_live", "transcript"]
FIELDS = [
    "id", "source_id", "title", "users", "externalParticipants", "joinedParticipants", "status",
    "bot_not_join_reason", "type", "time", "icaluid", "calendar_id", "recurring_event_id", "original_start_time",
    "last_modified_time", "disposition", "deal_name", "deal_value", "deal_close_date", "deal_stage_before_call",
    "account_name", "contact_names", "crm_info", "bookmark_timestamps", "metrics", "call_review_page_url",
]
FLAT = {
    "source_crm": ("crm_info", "source_crm"), "crm_deal_id": ("crm_info", "deal_id"),
    "crm_account_id": ("crm_info", "account_id"), "crm_contact_ids": ("crm_info", "contact_ids"),
    "talk_listen_ratio": ("metrics", "talk_listen_ratio"), "num_questions_asked": ("metrics", "num_questions_asked"),
    "num_questions_asked_by_reps": ("metrics", "num_questions_asked_by_reps"),
    "call_duration": ("metrics", "call_duration"), "total_speak_duration": ("metrics", "total_speak_duration"),
    "longest_monologue_duration": ("metrics", "longest_monologue_duration"),
    "longest_monologue_start_time": ("metrics", "longest_monologue_start_time"),
    "engaging_questions": ("metrics", "engaging_questions"),
}
TIMES = {
    "time", "original_start_time", "last_modified_time", "deal_close_date", "bookmark_timestamps", "call_time",
    "_extracted_at", "_loaded_at", "_deleted_at",
}
KEYS = {
    "calls": ["id"], "call_details": ["id"], "users": ["id"], "call_participants": ["call_id", "idx"],
    "topic_mentions": ["call_id", "idx"], "topic_phrases": ["call_id", "topic_idx", "idx"],
    "transcript_turns": ["call_id", "idx"], "topics_discussed": ["call_id", "idx"],
    "action_items": ["call_id", "idx"], "competitor_sentiments": ["call_id", "idx"],
}


def tables(calls, users, private):
    """Every table as {key: {column: value}}; a column that is not named is not compared."""
    found = {name: {} for name in KEYS}
    for call in calls:
        is_private = call["id"] in private
        add(found, "calls", [call["id"]], record(call, False, is_private))
        participants(found, call)
        topics(found, call)
        if call.get("status") not in ON_THEIR_WAY:
            add(found, "call_details", [call["id"]], record(call, True, is_private))
            details(found, call)
    for user in users:
        add(found, "users", [user["id"]], {snake(name): value for name, value in user.items()})
    return found


def record(call, is_details, is_private):
    row = {RENAMED.get(name, name): call.get(name) for name in FIELDS}
    row.update({name: None for name in MEDIA})
    row.update({name: (call.get(outer) or {}).get(inner) for name, (outer, inner) in FLAT.items()})
    row["is_private"] = is_private
    # What the contract does not know becomes a column of its own.
    new = set(call) - set(FIELDS) - set(MEDIA) - set(DETAILS_ONLY)
    row.update({snake(name): call[name] for name in new})
    if is_details:
        row.update({name: call.get(name) for name in DETAILS_ONLY if name != "transcript"})
        lines = [f"{label(call, turn)}: {turn['text']}" for turn in call.get("transcript") or []]
        row["transcript_text"] = "\n".join(lines) if lines else None
    return row


def participants(found, call):
    joined = call.get("joinedParticipants") or []
    invited = [("user", True, person) for person in call.get("users") or []]
    invited += [("external", False, person) for person in call.get("externalParticipants") or []]
    known = {person["personId"] for _, _, person in invited}
    everybody = invited + [("joined", None, person) for person in joined if person["personId"] not in known]
    for index, (role, is_internal, person) in enumerate(everybody):
        same = next((other for other in joined if other["personId"] == person["personId"]), None)
        name = person.get("name") or (same or {}).get("name") if role == "user" else person.get("name")
        row = {
            "role": role, "is_internal": is_internal, "name": name, "joined": same is not None,
            "email": person.get("userEmail") if role == "user" else person.get("email"),
            "person_id": person["personId"], "user_id": person.get("userId"), "phone": person.get("phone"),
            "is_organizer": person.get("isOrganizer"), "call_time": call.get("time"),
        }
        add(found, "call_participants", [call["id"], index], row)


def topics(found, call):
    for outer, category in enumerate((call.get("metrics") or {}).get("categories") or []):
        row = {name: category.get(name) for name in ["name", "occurences", "ai_detected"]}
        add(found, "topic_mentions", [call["id"], outer], row | {"call_time": call.get("time")})
        for index, phrase in enumerate(category.get("phrases_matched") or []):
            row = {
                "text": phrase.get("text"), "speaker_name": phrase.get("name"), "user_id": phrase.get("user_id"),
                "seconds": phrase.get("time"), "call_time": call.get("time"),
            }
            add(found, "topic_phrases", [call["id"], outer, index], row)


def details(found, call):
    summary = call.get("summary") or {}
    for index, turn in enumerate(call.get("transcript") or []):
        name, email, is_internal = speaker(call, turn.get("personId"))
        row = {
            "start_seconds": turn.get("start"), "end_seconds": turn.get("end"), "person_id": turn.get("personId"),
            "speaker_name": name, "speaker_email": email, "is_internal": is_internal, "text": turn.get("text"),
            "annotations": turn.get("annotations"), "call_time": call.get("time"),
        }
        add(found, "transcript_turns", [call["id"], index], row)
    timed(found, "topics_discussed", call, summary.get("topics_discussed"), ["name", "summary"])
    wanted = ["action_item", "speaker_name", "owner_name", "reasoning", "timeline"]
    timed(found, "action_items", call, summary.get("key_action_items"), wanted)
    for index, sentiment in enumerate(call.get("competitor_sentiments") or []):
        name, _, is_internal = speaker(call, sentiment.get("personId"))
        row = {name: sentiment.get(name) for name in ["competitor_name", "sentiment", "reasoning"]}
        person = sentiment.get("personId")
        row |= {
            "person_id": None if person is None else int(person), "speaker_name": name, "is_internal": is_internal,
            "turn_start_seconds": seconds(sentiment.get("turn_start_time")), "call_time": call.get("time"),
        }
        add(found, "competitor_sentiments", [call["id"], index], row)


def timed(found, table, call, items, columns):
    for index, item in enumerate(items or []):
        row = {name: item.get(name) for name in columns + ["start_timestamp", "end_timestamp"]}
        row |= {
            "start_seconds": seconds(item.get("start_timestamp")), "end_seconds": seconds(item.get("end_timestamp")),
            "call_time": call.get("time"),
        }
        add(found, table, [call["id"], index], row)


def speaker(call, person):
    """Name, e-mail and side of a `personId` of this call, whether it came as a number or as text."""
    def find(name):
        people = call.get(name) or []
        return next((other for other in people if str(other["personId"]) == str(person)), None)

    joined = find("joinedParticipants") or {}
    if user := find("users"):
        return user.get("name") or joined.get("name"), user.get("userEmail"), True
    if external := find("externalParticipants"):
        return external.get("name"), external.get("email"), False
    return joined.get("name"), joined.get("email"), None


def label(call, turn):
    name, email, _ = speaker(call, turn.get("personId"))
    return name or email or f"Speaker {turn.get('personId')}"


def seconds(text):
    if text is None:
        return None
    total = 0.0
    for part in str(text).split(":"):
        total = total * 60 + float(part)
    return total


def add(found, table, key, row):
    row = row | dict(zip(KEYS[table], key))
    found[table][tuple(key)] = {name: settled(name, value) for name, value in row.items()}


def settled(name, value):
    """A value in the one spelling in which both sides are compared: null and missing are the same."""
    if isinstance(value, dict):
        return {key: settled(key, inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [settled(name, item) for item in value]
    if name in TIMES and isinstance(value, str):
        value = datetime.fromisoformat(value)
    if isinstance(value, datetime):
        value = value if value.tzinfo else value.replace(tzinfo=timezone.utc)
        return value.astimezone(timezone.utc)
    if isinstance(value, str):
        return re.sub("[\x00\ud800-\udfff]", "\ufffd", value)
    return value


def snake(name):
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()
