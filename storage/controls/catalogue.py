"""The controls as data: what holds, which criteria it bears on, who answers for it, what enforces, shows and checks it.

A control names the tests that show it (`tests/file.py::test`) and the live checks that look whether it holds in this
installation now (`storage/controls/measures.py`, `muniment/controls.py`). `tests/contract/test_controls.py` fails for
one that names what is not there. A check that passes is the operator's own evidence, and no auditor's opinion.
"""

from dataclasses import dataclass

SECURITY, PRIVACY = "head of security", "data protection officer"
OPERATIONS, ENGINEERING = "head of operations", "head of engineering"


@dataclass(frozen=True)
class Control:
    """One control. `days` is how long whoever answers for it has to mend what a check of it found."""

    id: str
    statement: str
    criteria: tuple[str, ...]
    owner: str
    enforced: str
    shown_by: tuple[str, ...]
    checks: tuple[str, ...] = ()
    days: int = 14


CONTROLS: tuple[Control, ...] = (
    Control(
        "one-policy", "One file decides who may do what, and every read and change goes through it.",
        ("CC5.3", "CC6.1", "CC6.3", "C1.1"), SECURITY,
        "policy.polar, compiled to SQL; rows come back filtered, and nothing else reads them.",
        ("tests/contract/test_one_door.py::test_rows_are_selected_through_the_door",
         "tests/contract/test_every_field_is_guarded.py::test_every_root_field_is_guarded"),
        ("policy",), 1,
    ),
    Control(
        "no-standing-access", "No job opens contributors' work: only a live grant does, asked for and agreed to.",
        ("CC6.1", "CC6.3", "C1.1", "P6.1"), SECURITY,
        "Grants with reason, ticket and end; consent or a second person; an end acts at once.",
        ("tests/policies/test_policy_names.py::test_no_job_opens_content_however_many_are_held",
         "tests/resolvers/test_grants.py::test_what_ran_out_a_second_ago_opens_nothing"),
    ),
    Control(
        "grants-reviewed", "Each use of a grant is looked at afterwards by somebody who had no part in it.",
        ("CC4.1", "CC6.3", "P6.7"), SECURITY, "No new grant for whoever holds one that is not reviewed.",
        ("tests/resolvers/test_reviews.py::test_nothing_new_before_the_last_is_reviewed",),
        ("grants-reviewed",), 7,
    ),
    Control(
        "access-reviews", "What may do something here is confirmed each quarter by somebody who does not hold it.",
        ("CC4.1", "CC6.2", "CC6.3"), SECURITY,
        "Jobs, unused API keys, agents, components and services in one review; what nobody confirms ends by itself.",
        ("tests/resolvers/test_access_reviews.py::test_nobody_decides_about_what_they_hold",
         "tests/agents/test_access_reviews.py::test_what_nobody_confirms_ends_by_itself"),
        ("access-reviews",), 7,
    ),
    Control(
        "staff-second-factor", "Staff prove with a second factor who they are.", ("CC6.1", "CC6.2"), SECURITY,
        "A session without one answers staff nothing.",
        ("tests/resolvers/test_factors.py::test_a_password_alone_does_not_let_staff_in",
         "tests/resolvers/test_staff_passkeys.py::test_staff_keep_one_second_factor"),
        ("staff-second-factor",), 3,
    ),
    Control(
        "auditors", "Auditors see what they need for a time that ends; what they take out is on record.",
        ("CC6.2", "CC6.3", "CC7.2"), SECURITY, "A job with an end, held alone; each list is in the trail.",
        ("tests/resolvers/test_populations.py::test_an_auditors_job_ends_by_itself",
         "tests/resolvers/test_populations.py::test_asking_is_in_the_trail"),
        ("auditors-end",), 7,
    ),
    Control(
        "leavers", "Whoever leaves is shut out in one transaction: sessions, jobs, grants, account.",
        ("CC6.2", "CC6.3"), SECURITY, "removeStaff; nothing about who asks is remembered between requests.",
        ("tests/resolvers/test_leaving.py::test_everything_of_theirs_ends_in_one_transaction",),
    ),
    Control(
        "separation-of-duties", "Jobs that watch one another are held by different people.",
        ("CC1.3", "CC3.3", "CC5.1", "CC6.3"), SECURITY, "Pairs of jobs as data, asked whenever a job is given.",
        ("tests/resolvers/test_leaving.py::test_two_jobs_that_exclude_one_another_are_given_to_nobody",
         "tests/resolvers/test_second_person.py::test_nobody_approves_their_own_request"),
        ("separation-of-duties",), 3,
    ),
    Control(
        "policy-changes", "Two people bring a policy into force, and what would let strangers in is refused.",
        ("CC3.4", "CC8.1", "CC6.3"), ENGINEERING, "reloadPolicy and approvals of each gain.",
        ("tests/resolvers/test_reloading.py::test_nobody_confirms_their_own_proposal",
         "tests/resolvers/test_reloading.py::test_rights_that_nobody_approved_are_kept_out"),
        ("policy",), 1,
    ),
    Control(
        "changes", "What runs stands in a register of changes that a second person approved, or is found.",
        ("CC3.4", "CC8.1", "CC7.1", "CC5.2"), ENGINEERING,
        "Each start notes its versions and holds them against the register; an emergency is looked at in three days. A "
        "new model or agent does nothing before it was assessed and approved.",
        ("tests/resolvers/test_changes.py::test_nobody_approves_their_own_change",
         "tests/storage/test_changes.py::test_what_nobody_approved_is_amiss",
         "tests/agents/test_egress.py::test_a_model_that_nobody_approved_is_asked_nothing",
         "tests/resolvers/test_changes.py::test_an_agent_that_nobody_approved_does_nothing_until_somebody_has"),
        ("changes-approved",), 3,
    ),
    Control(
        "sealed-content", "Content is ciphertext wherever it is kept, bound to its place, and in no log or event.",
        ("CC6.1", "C1.1", "PI1.5"), SECURITY, "Sealed columns and files, under keys of each contributor and project.",
        ("tests/faults/test_plaintext.py::test_the_marker_is_found_nowhere_in_clear",
         "tests/faults/test_stolen_data.py::test_neither_half_holds_a_word_of_it"),
        ("private-places",), 3,
    ),
    Control(
        "keys-apart", "Keys lie apart from what they open, wrapped by a key service.", ("CC6.1", "A1.2"), SECURITY,
        "Settings that put both in one place are refused in production.",
        ("tests/muniment/test_settings.py::test_production_refuses_a_key_store_beside_the_data",
         "tests/muniment/test_settings.py::test_one_database_for_keys_and_data_is_refused_everywhere"),
        ("keys-apart", "key-encryption-key"), 7,
    ),
    Control(
        "key-rotation", "Keys are renewed on a schedule while everything is in use.", ("CC6.1",), SECURITY,
        "Agents rotate what is due; what does not open holds its key back.",
        ("tests/storage/test_rotations.py::test_everything_is_under_new_keys_and_the_old_ones_open_nothing",),
        ("key-age",), 14,
    ),
    Control(
        "keysets-kept", "No keyset is lost: each that a row refers to is in the key store.",
        ("CC6.1", "A1.2"), SECURITY,
        "Each process opens the key store once and through SQLite alone; a log that was replaced is not written to.",
        ("tests/faults/test_kept_keys.py::test_no_job_and_no_command_takes_locks_or_log_from_a_server",
         "tests/faults/test_kept_keys.py::test_no_acknowledged_keyset_is_lost_when_a_server_is_killed_beside_commands"),
        ("keysets-kept",), 1,
    ),
    Control(
        "audit-trail", "Each change, refusal and look at others' content is an entry, committed with it and kept.",
        ("CC2.1", "CC7.2", "CC7.3", "P6.2", "P6.7"), SECURITY,
        "A hash tree with signed checkpoints outside the database, which anybody can check.",
        ("tests/resolvers/test_audit.py::test_what_can_not_be_recorded_does_not_happen",
         "tests/storage/ledger/test_ledger_verifying.py::test_one_flipped_bit_anywhere_is_found"),
        ("trail-whole",), 1,
    ),
    Control(
        "files-present", "Each file that is acknowledged is there, with its key; a missing one is found and reported.",
        ("A1.2", "PI1.5", "CC7.2"), OPERATIONS,
        "Files are looked for round by round; a missing one opens an incident, and exports name it.",
        ("tests/muniment/test_missing_files.py::test_a_missing_file_is_found_recorded_once_and_counted",
         "tests/faults/test_lost_commits.py::test_whichever_commit_fails_all_is_there_or_nothing_is"),
        ("files-present",), 3,
    ),
    Control(
        "agents-within-bounds", "An agent reaches what its one run concerns, with no more rights than its contributor.",
        ("CC6.3", "CC6.8", "PI1.1", "PI1.3", "PI1.4", "P4.1"), ENGINEERING,
        "Rules per agent in policy.polar; each step asks anew.",
        ("tests/policies/test_policy_names.py::test_what_agents_do_is_no_person_s",
         "tests/agents/test_reconciling.py::test_an_entry_that_is_missing_is_named"),
        ("agents-reconciled",), 7,
    ),
    Control(
        "one-way-out", "Work leaves only for a registered, assessed, announced service that its owner allows.",
        ("CC3.2", "CC6.7", "CC9.2", "P2.1", "P3.2", "P6.1", "P6.4", "P6.5"), PRIVACY,
        "One gate, asked at the moment of sending; each copy at a provider is written down first.",
        ("tests/agents/test_egress.py::test_a_brief_stays_here_where_one_thing_is_not_in_order",
         "tests/contract/test_one_way_out.py::test_connections_are_opened_in_few_files"),
        ("services-in-order",), 14,
    ),
    Control(
        "transport", "What goes over a network is encrypted.", ("CC6.6", "CC6.7"), OPERATIONS,
        "Other machines are let in over TLS alone; production refuses connections in clear.",
        ("tests/muniment/test_tls.py::test_others_reach_it_over_tls_alone",
         "tests/muniment/test_settings.py::test_production_refuses_postgresql_and_models_in_clear"),
        ("transport",), 3,
    ),
    Control(
        "bounded-requests", "What can be asked is bounded, and what is malformed changes nothing.",
        ("CC6.6", "CC6.8", "PI1.2", "A1.1", "P7.1"), OPERATIONS, "Costs, sizes and times are counted as it runs.",
        ("tests/muniment/test_attacks.py::test_an_attack_is_refused_and_disturbs_nobody",
         "tests/muniment/test_limits.py::test_whoever_has_asked_for_much_waits_and_nobody_else_does",
         "tests/resolvers/test_quotas.py::test_those_who_announce_at_once_do_not_get_more_together"),
        ("room",), 3,
    ),
    Control(
        "known-software", "What runs is what was locked and tested.", ("CC5.2", "CC6.8", "CC7.1"), OPERATIONS,
        "Requirements pinned with hashes; the installation is looked over by the doctor.",
        ("tests/contract/test_requirements.py::test_every_requirement_is_pinned_with_hashes",),
        ("software",), 7,
    ),
    Control(
        "deletion", "What is deleted is destroyed with its keys, counted by another agent, and certified.",
        ("CC6.5", "C1.2", "P4.3"), PRIVACY, "The verifier alone certifies; restored backups are erased again.",
        ("tests/agents/test_erasures.py::test_an_erased_account_leaves_its_deletion_and_nothing_else",
         "tests/agents/test_certificates.py::test_while_anything_is_left_there_is_no_certificate",
         "tests/agents/test_recalls.py::test_a_provider_is_asked_to_delete_what_it_keeps_and_its_answer_is_certified"),
        ("deletions-done", "copies-recalled"), 3,
    ),
    Control(
        "retention", "Things go when the time that their contributor chose is up.", ("P4.2", "C1.2"), PRIVACY,
        "A schedule for every table, swept every few minutes by a clock that is believed.",
        ("tests/agents/test_retention.py::test_thirty_days_are_thirty_days_to_the_second",),
        ("retention-swept", "exports-expired"), 3,
    ),
    Control(
        "legal-holds", "What law keeps is kept by two people, shown to whom it concerns, and looked at by a date.",
        ("P4.2", "P4.3"), PRIVACY, "Placed by one, approved by another; a hold opens nothing.",
        ("tests/resolvers/test_legal_holds.py::test_nobody_agrees_to_their_own_hold",),
        ("holds-reviewed",), 7,
    ),
    Control(
        "notices", "Contributors are told of what concerns them before it holds, each by a notice of their own.",
        ("CC2.3", "P1.1"), PRIVACY, "A change that is told too late is not published; security is never muted.",
        ("tests/resolvers/test_notices.py::test_what_is_told_too_late_or_badly_is_not_published",
         "tests/agents/test_notices.py::test_everybody_is_told_once"),
    ),
    Control(
        "backups", "Data and keys are backed up apart, and what comes back holds.",
        ("CC7.5", "CC9.1", "A1.2", "A1.3"), OPERATIONS,
        "Backups on schedule, encrypted and signed; a restored one is erased again before it serves.",
        ("tests/muniment/test_backups.py::test_everything_comes_back_and_goes_on",
         "tests/muniment/test_backups.py::test_a_rehearsal_measures_and_leaves_everything_as_it_was"),
        ("backups",), 1,
    ),
    Control(
        "availability", "Each outage is found, recorded and published; read, export and delete outlast the rest.",
        ("A1.1", "A1.2", "CC7.5", "CC9.1", "CC2.3"), OPERATIONS,
        "A lookout tries each part; /status tells everybody; a lock-down and a worker that is away leave rights alone.",
        ("tests/agents/test_outages.py::test_one_look_that_fails_is_no_outage_and_two_are_one_from_the_first_on",
         "tests/faults/test_lockdowns.py::test_reading_exporting_and_deleting_go_on_while_worker_and_provider_are_away"),
        ("outages-explained",), 7,
    ),
    Control(
        "detection", "Unattended loops get past a bad item, and intrusion detection keeps up with the audit log.",
        ("A1.2", "CC7.2", "CC7.3"), SECURITY,
        "What can't be processed is set aside, kept and alerted; the lookout of each process watches detection.",
        ("tests/agents/test_poison.py::test_a_denial_about_every_model_with_every_code_is_judged",
         "tests/agents/test_poison.py::test_an_entry_that_can_not_be_judged_is_set_aside_and_detection_goes_on"),
        ("detection-works", "items-set-aside"), 1,
    ),
    Control(
        "rights", "Contributors take out, correct and delete what is held about them, and are answered in time.",
        ("P1.1", "P5.1", "P5.2", "P6.7", "P8.1"), PRIVACY,
        "myData, exports and deletions at once; the rest by a due date.",
        ("tests/resolvers/test_holdings.py::test_what_is_held_is_told_table_by_table",
         "tests/agents/test_exports.py::test_an_export_holds_every_row_of_its_owner"),
        ("requests-answered",), 3,
    ),
    Control(
        "collection", "Every column says what it holds, how, and for how long; a new one that does not is not shipped.",
        ("P3.1", "C1.1", "PI1.1"), PRIVACY, "Cards on every model; the inventory is generated and compared.",
        ("tests/contract/test_every_column_is_classified.py::test_every_table_has_a_data_card",),
    ),
    Control(
        "investigations", "Who is behind an entry opens to security only under an investigation that ends by itself.",
        ("CC7.3", "CC7.4", "P6.3"), SECURITY, "Bounded, reasoned, and told to whom it is about.",
        ("tests/resolvers/test_investigations.py::test_an_investigation_ends_by_itself_to_the_second",),
        ("investigations-ended",), 3,
    ),
    Control(
        "incidents-told", "Whoever an incident concerns is told while there is time for the authority to be told too.",
        ("CC7.3", "CC7.4", "P6.3", "P6.6"), SECURITY,
        "A clock of 72 hours from detection; a notice by two people, to everybody whose work the trail says was seen.",
        ("tests/resolvers/test_incidents.py::test_an_incident_from_the_alert_to_its_end",
         "tests/agents/test_incident_notices.py::test_each_of_them_is_told_once_and_of_their_own"),
        ("incidents-told",), 1,
    ),
    Control(
        "incidents-followed-up",
        "An incident closes with its impact, its cause, and what is done so that it does not come again.",
        ("CC4.2", "CC7.4", "CC7.5"), SECURITY,
        "Each follow-up has an owner and a date, and is done when somebody else has seen it; a late one is a finding.",
        ("tests/resolvers/test_follow_ups.py::test_nothing_closes_without_impact_cause_and_what_follows",
         "tests/resolvers/test_follow_ups.py::test_one_that_is_late_is_a_finding_until_somebody_else_saw_it_done"),
        ("follow-ups-done",), 7,
    ),
    Control(
        "evaluation", "Checks run every day; what one finds has an owner and a due date, and stays on record.",
        ("CC1.5", "CC2.2", "CC4.1", "CC4.2"), SECURITY, "A finding opens and closes with the check that made it.",
        ("tests/muniment/test_controls.py::test_what_is_found_has_an_owner_and_a_date_until_it_is_mended",),
        ("findings-mended", "controls-run"), 7,
    ),
)  # fmt: skip

BY_ID = {control.id: control for control in CONTROLS}


def checks() -> dict[str, Control]:
    """Each check, with the control whose owner has to mend what it finds: the first that names it."""
    found: dict[str, Control] = {}
    for control in CONTROLS:
        for check in control.checks:
            found.setdefault(check, control)
    return found
