//! Every requirement of the two documents that describe how people get from a club's management system to Mywellness, and
//! the tests that show it. A requirement is named by its number in its document: `P` is the sync of person records, `W`
//! the one with the Wellness Cloud.

use std::collections::BTreeSet;

use crate::source::sources;

/// How a requirement stands.
enum Shown {
    /// By these tests.
    By(&'static [&'static str]),
    /// By nobody here: somebody else's part, or a remark.
    NotOurs(&'static str),
}
use Shown::{By, NotOurs};

const REQUIREMENTS: [(&str, &str, Shown); 47] = [
    (
        "P1",
        "a record made once appears at Mywellness",
        By(&["a_new_person_is_planned_once_and_enabled_when_all_of_them_is_told"]),
    ),
    (
        "P2",
        "automatically, or after an operator's step",
        By(&["in_operator_mode_nobody_is_told_of_until_an_operator_says_so"]),
    ),
    (
        "P3",
        "automatic: writing somebody down is all",
        By(&["mywellness_is_told_the_life_of_an_integration_in_order_and_once"]),
    ),
    (
        "P4",
        "what must be filled in; which, is a setting",
        By(&["everything_that_is_missing_is_named_at_once_and_only_what_the_club_requires"]),
    ),
    (
        "P5",
        "it begins by itself when the record is complete",
        By(&["an_incomplete_person_is_never_sent_is_listed_and_goes_once_mended"]),
    ),
    ("P6", "Mywellness invites by e-mail", NotOurs("Mywellness sends it when the person is created")),
    ("P7", "or asks to link the new club", NotOurs("Mywellness sends it when the person is matched")),
    ("P8", "one record at a time, by hand", By(&["an_integration_is_listed_commanded_and_refused_with_the_reason"])),
    (
        "P9",
        "what is missing is seen before",
        By(&["the_preflight_names_who_would_go_and_what_others_lack_before_anything_is_sent"]),
    ),
    ("P10", "the same e-mails", NotOurs("as P6 and P7")),
    (
        "P11",
        "web registration, automatic: nothing beyond the usual",
        By(&["mywellness_is_told_the_life_of_an_integration_in_order_and_once"]),
    ),
    ("P12", "web registration, by hand: approved first", By(&["in_operator_mode_a_person_is_held_until_approved"])),
    ("P13", "a sign that it happened", By(&["an_integration_is_listed_commanded_and_refused_with_the_reason"])),
    ("P14", "the fields that are shared", By(&["a_person_is_created_with_the_fields_of_the_contract_and_no_others"])),
    ("P15", "Abilitata", By(&["every_state_and_everything_that_can_happen_to_it"])),
    ("P16", "Nuova", By(&["every_state_and_everything_that_can_happen_to_it"])),
    ("P17", "DaAggiornare", By(&["every_state_and_everything_that_can_happen_to_it"])),
    ("P18", "Creazione fallita", By(&["every_outcome_in_every_state_leads_where_the_table_says"])),
    ("P19", "DaEliminare", By(&["a_deletion_there_waits_until_it_is_acknowledged_and_outlives_the_person"])),
    ("P20", "InErrore", By(&["a_refusal_is_an_error_with_its_reason_until_the_kind_that_was_refused_is_told"])),
    (
        "P21",
        "Sospesa: nothing is sent",
        By(&["a_suspension_holds_everything_and_its_end_sends_or_gives_up_the_visits"]),
    ),
    (
        "P22",
        "Sincronizza, Sospendi, Riabilita, Elimina",
        By(&[
            "only_what_differs_from_what_was_told_is_sent_unless_all_is_asked_for",
            "only_an_operator_ends_a_suspension_and_only_mywellness_a_deletion",
            "a_deleted_link_is_gone_at_once_and_comes_back_only_by_an_operator",
        ]),
    ),
    (
        "P23",
        "Sincronizza sends groups, membership and badge too",
        By(&[
            "to_synchronize_tells_everything_anew_that_there_is",
            "a_photo_and_a_badge_go_as_written_down_once_and_are_taken_back",
        ]),
    ),
    (
        "P24",
        "what the document leaves open",
        By(&["an_operators_word_stands_before_the_selection_and_after_the_members_own"]),
    ),
    ("W1", "what the cloud is", NotOurs("a remark")),
    (
        "W2",
        "people, memberships, passages, attendance",
        By(&[
            "mywellness_is_told_the_life_of_an_integration_in_order_and_once",
            "a_class_that_is_mapped_late_is_checked_in_late_and_once",
        ]),
    ),
    ("W3", "the first sync invites by e-mail", NotOurs("Mywellness sends it")),
    ("W4", "single sign-on from the web booking", NotOurs("the web booking is another system's")),
    ("W5", "who is synced is configured", By(&["a_group_a_category_or_everyone_can_be_selected_instead"])),
    ("W6", "every member", By(&["a_member_is_who_holds_an_active_subscription_that_gives_membership"])),
    (
        "W7",
        "frozen ones too, while bound, charged or renewing",
        By(&["a_frozen_subscription_counts_while_bound_or_charged_ahead_or_renewing"]),
    ),
    ("W8", "or a group or category", By(&["a_group_a_category_or_everyone_can_be_selected_instead"])),
    ("W9", "or everyone", By(&["a_group_a_category_or_everyone_can_be_selected_instead"])),
    (
        "W10",
        "required fields; the e-mail as configured",
        By(&["what_the_configuration_does_not_require_is_left_out_when_unknown"]),
    ),
    (
        "W11",
        "the person's own no wins",
        By(&["the_members_own_no_wins_over_everything", "only_a_spoken_no_is_a_no_and_the_general_one_covers_visits"]),
    ),
    (
        "W12",
        "the personal fields",
        By(&[
            "a_person_is_created_with_the_fields_of_the_contract_and_no_others",
            "only_what_changed_is_told_and_what_is_unknown_stays_as_it_is",
        ]),
    ),
    (
        "W13",
        "a photo newer than the last sync",
        By(&[
            "a_photo_is_told_when_it_is_newer_than_the_last_and_the_member_lets_it_be_published",
            "a_photo_and_a_badge_go_as_written_down_once_and_are_taken_back",
        ]),
    ),
    (
        "W14",
        "no photo without leave to publish it",
        By(&["a_photo_that_is_no_newer_or_not_to_be_published_is_not_given"]),
    ),
    (
        "W15",
        "a new visit",
        By(&[
            "a_second_entry_on_the_same_day_is_a_passage_of_the_same_visit",
            "a_visit_is_told_to_who_is_known_and_waits_for_who_is_not",
        ]),
    ),
    ("W16", "who is ticked off for a class", By(&["who_came_to_a_linked_class_is_checked_in_as_written_down"])),
    (
        "W17",
        "the class is linked by its id there, chosen from a list; no link, no sync",
        By(&[
            "the_desk_chooses_among_the_activities_that_are_there",
            "attendance_held_for_a_mapping_goes_on_in_row_order_once_its_product_has_one",
        ]),
    ),
    (
        "W18",
        "a membership is sent when a subscription is saved",
        By(&["changes_are_one_mark_of_each_kind_that_differs_and_none_if_nothing_does"]),
    ),
    (
        "W19",
        "the one reaching furthest, not frozen first",
        By(&["the_membership_reaching_furthest_is_told_and_a_frozen_one_only_if_there_is_no_other"]),
    ),
    (
        "W20",
        "beginning, end, first day, frozen or ended",
        By(&[
            "each_operation_of_a_membership_carries_what_the_contract_shows_for_it",
            "every_way_from_what_was_told_to_what_is_wanted",
        ]),
    ),
    ("W21", "some delay at the cloud", NotOurs("a remark")),
    ("W22", "groups of exactly the same name", By(&["only_groups_of_exactly_the_same_name_have_an_id"])),
    ("W23", "the club is master of groups", By(&["groups_are_told_as_a_whole_list"])),
];

#[test]
fn every_requirement_names_the_tests_that_show_it() {
    let files: Vec<_> = ["agent", "tests"].into_iter().flat_map(sources).collect();
    let is_told = |test: &str| {
        let head = format!("fn {test}(");
        files.iter().any(|file| file.code.contains(&head))
    };
    let names: BTreeSet<_> = REQUIREMENTS.iter().map(|(name, ..)| *name).collect();
    let expected: BTreeSet<String> =
        (1..=24).map(|number| format!("P{number}")).chain((1..=23).map(|number| format!("W{number}"))).collect();
    assert!(expected.iter().all(|name| names.contains(name.as_str())), "each number stands in the table");

    let mut missing = Vec::new();
    for (name, what, shown) in &REQUIREMENTS {
        match shown {
            By(tests) => {
                missing.extend(tests.iter().filter(|test| !is_told(test)).map(|test| format!("{name}: {test}")))
            }
            NotOurs(why) => assert!(!why.is_empty(), "{name} ({what}) says why"),
        }
    }
    assert!(missing.is_empty(), "tests that do not exist: {missing:#?}");
}
