//! Every metric with its kind and a sentence for whoever reads it in a dashboard; a tidy test keeps it complete.

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

/// What only rises.
const COUNTERS: &[(&str, &str)] = &[
    ("varco_passages_total", "Passages recorded, by gate and outcome."),
    ("varco_visits_total", "New visits, by the gate where they began."),
    ("varco_overdrawn_total", "Punch cards that were empty when an entry was taken from them."),
    ("varco_attendance_total", "People ticked off for classes, by whose hand."),
    ("varco_attendance_withdrawn_total", "Mistaken ticks that were taken back."),
    ("varco_passages_lost_total", "Passages that could not be written down."),
    ("varco_gates_opened_by_hand_total", "Gates opened by an operator."),
    ("varco_late_passages_total", "Passages that an operator wrote down later."),
    ("varco_gate_mode_changes_total", "Changes of a gate's mode by an operator."),
    ("varco_gate_pulses_total", "Open commands written to a gate's board."),
    ("varco_gate_not_opened_total", "Open commands that a gate's board could not be given."),
    ("varco_reader_frames_total", "Badges read, repeats of a held badge included."),
    ("varco_reader_bad_frames_total", "Frames that were not understood: a disturbed line or a wrong frame setting."),
    ("varco_reader_reads_dropped_total", "Reads dropped because the gate did not keep up."),
    ("varco_reader_without_gate_total", "Readers ignored because their gate is not wired."),
    ("varco_line_opened_total", "Times that a serial line was opened."),
    ("varco_line_lost_total", "Times that a serial line was lost."),
    ("varco_people_erased_total", "People erased."),
    ("varco_people_imported_total", "People written by imports through the API."),
    ("varco_import_lines_skipped_total", "Lines that imports through the API skipped."),
    ("varco_lane_sessions_total", "Sessions that a lane had with its upstream."),
    ("varco_lane_losses_total", "Sessions with an upstream that ended or did not come about."),
    ("varco_lane_delivered_total", "Rows that the upstream acknowledged."),
    ("varco_lane_rows_total", "Rows that were not simply delivered, by what became of them."),
    ("varco_lane_unsettled_total", "Rows whose answer was lost because the agent ended."),
    ("varco_lane_store_failures_total", "Times that a lane could not use the store."),
    ("varco_receipts_total", "Ids in the receipts of the central system."),
    ("varco_receipt_rows_total", "Rows that a receipt of the central system confirmed."),
    ("varco_receipts_refused_total", "Messages on the receipt topic that are no receipts."),
    ("varco_receipts_missing_total", "Rows published again because no receipt came for them."),
    ("varco_receipt_store_failures_total", "Times that overdue receipts could not be looked up."),
    ("varco_commands_total", "Commands of the central system, by name and outcome."),
    ("varco_commands_ignored_total", "Messages among commands that are none, such as retained ones."),
    (
        "varco_commands_forgotten_total",
        "Times that the broker had to forget commands behind a packet that is too large.",
    ),
    ("varco_mywellness_logins_total", "Logins at Mywellness."),
    ("varco_mywellness_calls_total", "Calls to Mywellness, by action and outcome."),
    ("varco_mywellness_people_linked_total", "People linked to a user at Mywellness."),
    (
        "varco_mywellness_matches_in_doubt_total",
        "People whom Mywellness could not match for certain; somebody must decide.",
    ),
    ("varco_mywellness_visits_resent_total", "Visits sent again after a lost answer: they may stand there twice."),
    ("varco_webhook_requests_total", "Events posted to the receivers of webhooks, by lane and outcome."),
    ("varco_webhook_gone_total", "Times that a receiver said that it wants no more events (410)."),
    (
        "varco_mywellness_check_ins_resent_total",
        "Check-ins to classes sent again after a lost answer: they may stand there twice.",
    ),
    ("varco_sync_people_planned_total", "Times that a person was looked at for something to tell Mywellness."),
    ("varco_sync_comparisons_total", "Comparisons of everybody with what Mywellness was told."),
    ("varco_sync_planning_failures_total", "Times that the store did not let be planned what Mywellness is told."),
    ("varco_sync_commands_total", "Operators' commands on integrations, by command."),
    ("varco_store_commits_total", "Commits of the store."),
    ("varco_store_jobs_total", "Jobs made durable by those commits."),
    ("varco_store_commits_failed_total", "Commits that failed; what must not be lost is tried again."),
    ("varco_store_broken_total", "Work in the store that a bug stopped halfway; it was undone."),
    ("varco_store_given_up_total", "Records lost because the agent ended while the disk would not take them."),
    ("varco_console_requests_total", "Requests answered, by class of status."),
    ("varco_hooks_total", "News taken by webhooks in, by hook and outcome."),
    ("varco_console_tokens_refused_total", "Requests with a token that is unknown or revoked."),
    ("varco_console_connections_lost_total", "Connections that could not be served."),
    (
        "varco_console_connections_refused_total",
        "Connections closed at once: their address has too many, or all together.",
    ),
    ("varco_configuration_reads_total", "Readings of the configuration after the start, by outcome."),
    ("varco_console_panics_total", "Requests whose answering panicked: a bug."),
    ("varco_console_store_errors_total", "Requests for which the store failed."),
    ("varco_alarms_total", "Alarms of gates that began or happened, by gate and kind."),
    ("varco_controller_sessions_total", "Times that a gate controller answered anew."),
    ("varco_controller_orders_unknown_total", "Orders that a gate controller's firmware does not know."),
    ("varco_controller_lists_total", "Lists made for a gate controller, for when the agent is silent."),
    ("varco_controller_lists_refused_total", "Lists that a gate controller did not take."),
    ("varco_controller_records_delayed_total", "Tries to write down what a gate controller remembers that failed."),
];

/// What rises and falls.
const GAUGES: &[(&str, &str, Unit)] = &[
    ("varco_build_info", "The version that runs; always 1.", Unit::Count),
    ("varco_line_up", "Whether a serial line is open (1) or not (0).", Unit::Count),
    ("varco_lane_online", "Whether a lane is in a session with its upstream (1) or not (0).", Unit::Count),
    ("varco_lane_rows", "Rows of a lane that are not done with, by state; counted every 15 s.", Unit::Count),
    (
        "varco_lane_oldest_seconds",
        "Age of the oldest row that waits to be sent or for its receipt; 0 if none does.",
        Unit::Seconds,
    ),
    ("varco_receipts_online", "Whether the central system's receipts are subscribed to (1) or not (0).", Unit::Count),
    ("varco_controller_room", "Places left in a gate controller's memory of events.", Unit::Count),
    ("varco_controller_events_lost", "Events a gate controller had no room for since its reset.", Unit::Count),
    ("varco_controller_bad_frames", "Broken frames a gate controller got since its reset.", Unit::Count),
    ("varco_controller_emergency", "Whether a gate's emergency input is on (1) or not (0).", Unit::Count),
    ("varco_commands_online", "Whether the central system's commands are subscribed to (1) or not (0).", Unit::Count),
    ("varco_console_listening", "Whether the console listens (1) or not (0).", Unit::Count),
    (
        "varco_console_certificate_refused",
        "Whether the certificate in the console's files cannot be used, and the last one still is (1), or not (0).",
        Unit::Count,
    ),
    ("varco_store_state", "0: takes writes. 1: the disk is full. 2: the queue of passages is full too.", Unit::Count),
];

/// What is spread out.
const HISTOGRAMS: &[(&str, &str, Unit)] =
    &[("varco_mywellness_call_seconds", "How long calls to Mywellness took, by action.", Unit::Seconds)];

/// Tells the recorder, once, what each metric means.
pub(super) fn describe() {
    for (name, help) in COUNTERS {
        describe_counter!(*name, Unit::Count, *help);
    }
    for (name, help, unit) in GAUGES {
        describe_gauge!(*name, *unit, *help);
    }
    for (name, help, unit) in HISTOGRAMS {
        describe_histogram!(*name, *unit, *help);
    }
}
