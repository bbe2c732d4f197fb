//! Vendor JSON to Arrow: one chunk of journal records to one change set.
