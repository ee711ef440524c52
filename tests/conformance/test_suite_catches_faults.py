"""The conformance suite lets an honest backend pass and catches one that is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import memkit.testing
from memkit.protocols import Backend
from memkit.testing import BackendConformance
from tests.conformance import faulty, faulty_sqlite

FOREIGN_ROWS = 4_000

#: Each fault, and the tests of which every one must fail for it.
CAUGHT: dict[type[Backend], tuple[str, ...]] = {
    faulty.IgnoresNamespaceOnGet: (
        "test_an_id_of_another_namespace_is_neither_seen_nor_changed",
        "test_one_id_in_two_namespaces_is_two_records",
        "test_look_alike_namespaces_hold_records_of_their_own",
    ),
    faulty.IgnoresNamespaceOnDelete: (
        "test_an_id_of_another_namespace_is_neither_seen_nor_changed",
        "test_one_id_in_two_namespaces_is_two_records",
    ),
    faulty.JoinsNamespacesByPrefix: (
        "test_look_alike_namespaces_hold_records_of_their_own",
        "test_joined_labels_are_not_the_labels_they_join",
        "test_the_small_namespace_is_found_whole_by_each_leg",
    ),
    faulty.FoldsTheCaseOfNamespaces: ("test_look_alike_namespaces_hold_records_of_their_own",),
    faulty.MatchesProjectsByPrefix: (
        "test_look_alike_labels_are_told_apart_by_a_scopes_filter",
        "test_crafted_filters_mean_what_the_reference_says",
    ),
    faulty.ShowsPrivateRecords: ("test_private_records_are_read_by_their_agent_alone",),
    faulty.TreatsTruthAsOne: (
        "test_truth_values_numbers_and_texts_are_told_apart",
        "test_crafted_filters_mean_what_the_reference_says",
        "test_random_filters_mean_what_the_reference_says",
    ),
    faulty.DropsTheMissingInNe: (
        "test_a_missing_value_is_unequal_to_every_value",
        "test_crafted_filters_mean_what_the_reference_says",
        "test_random_filters_mean_what_the_reference_says",
    ),
    faulty.DropsTheFilterInTheLexicalLeg: (
        "test_a_lexical_leg_keeps_to_its_filter_and_its_limit",
        "test_a_leg_never_has_fewer_than_exist",
        "test_crafted_filters_mean_what_the_reference_says",
    ),
    faulty.FiltersAfterRanking: (
        "test_a_leg_never_has_fewer_than_exist",
        "test_a_dense_leg_finds_the_nearest_of_those_that_match",
        "test_the_nearest_in_the_small_namespace_are_the_true_ones",
    ),
    faulty.RanksAmongAllNamespaces: (
        "test_the_small_namespace_is_found_whole_by_each_leg",
        "test_the_nearest_in_the_small_namespace_are_the_true_ones",
    ),
    faulty.MixesTheStatisticsOfNamespaces: (
        "test_the_crowd_does_not_change_the_small_namespaces_words",
    ),
    faulty.RanksDeletedRecords: ("test_changed_and_deleted_records_change_the_dense_leg_at_once",),
    faulty.IgnoresExpectVersion: (
        "test_a_patch_of_another_version_is_a_conflict",
        "test_a_failed_batch_leaves_nothing",
        "test_one_of_two_writers_wins_a_version",
    ),
    faulty.ChecksVersionsTooEarly: ("test_one_of_two_writers_wins_a_version",),
    faulty.OverwritesCountersInAPatch: ("test_a_patch_replaces_every_field_but_the_counters",),
    faulty.KeepsPartOfAFailedBatch: (
        "test_a_failed_batch_leaves_nothing",
        "test_a_failing_batch_does_not_take_its_neighbours_with_it",
    ),
    faulty.KeepsPartOfACancelledBatch: ("test_a_cancelled_write_is_whole_or_absent",),
    faulty.ForgetsUniqueKeys: (
        "test_a_unique_key_is_held_once_in_a_namespace",
        "test_a_patch_keeps_replaces_or_frees_unique_keys",
        "test_one_of_many_writers_gets_a_unique_key",
    ),
    faulty.OverwritesAnIdThatIsThere: ("test_an_id_that_is_there_is_a_duplicate",),
    faulty.KeepsNothing: (
        "test_a_reopened_store_has_all_that_was_written",
        "test_closing_amid_writes_loses_nothing_acknowledged",
        "test_what_was_acknowledged_survives_a_kill",
    ),
    faulty.KeepsWhenClosed: ("test_what_was_acknowledged_survives_a_kill",),
    faulty.RoundsTimes: ("test_every_field_of_a_record_comes_back_as_it_was_put",),
    faulty.HalvesVectors: ("test_vectors_come_back_to_the_stated_precision",),
    faulty.CountsInItsCursor: ("test_pages_miss_and_repeat_nothing_while_others_write",),
    faulty.SkipsTiesInItsCursor: (
        "test_pages_hold_everything_once_whatever_their_size",
        "test_scans_honour_every_order_and_put_the_missing_last",
    ),
    faulty.AcceptsAnyCursor: (
        "test_a_cursor_that_is_not_the_backends_is_refused",
        "test_a_cursor_of_another_order_is_refused",
    ),
    faulty.AcceptsAnyModel: (
        "test_vectors_of_another_model_are_refused_with_the_remedy",
        "test_terms_of_another_analyzer_are_refused_with_the_remedy",
    ),
    faulty.WritesWhenReadOnly: ("test_a_store_opened_for_reading_is_not_written",),
    faulty.NeverRecoversFromACancellation: ("test_a_cancelled_write_is_whole_or_absent",),
    faulty.LosesNeighboursOfAFailure: (
        "test_a_failing_batch_does_not_take_its_neighbours_with_it",
    ),
    faulty_sqlite.RemembersItsFirstSearch: (
        "test_processes_share_a_store_and_see_each_other",
        "test_a_backend_serves_one_event_loop_after_another",
    ),
    faulty_sqlite.ForgetsTheVectorsOfSomeWrites: (
        "test_threads_with_loops_of_their_own_share_a_backend",
        "test_processes_share_a_store_and_see_each_other",
        "test_what_was_acknowledged_survives_a_kill",
    ),
    faulty_sqlite.ListsChangesBackwards: ("test_changes_come_in_the_order_of_commit",),
    faulty_sqlite.ListsChangesFromTheStart: ("test_what_was_not_written_is_no_change",),
    faulty_sqlite.StagesWhatHasChangedMeanwhile: (
        "test_records_that_change_meanwhile_are_done_again",
    ),
    faulty_sqlite.StartsEveryReembeddingAnew: ("test_a_stopped_reembedding_is_resumed",),
    faulty_sqlite.NeverCompacts: (
        "test_compacting_keeps_what_is_there_and_no_trace_of_what_is_not",
    ),
    faulty_sqlite.ClaimsToHavePurged: ("test_a_whole_purge_leaves_no_trace",),
    faulty_sqlite.KeepsTokensOfTheDeleted: (
        "test_they_go_with_the_record",
        "test_tokens_come_back_as_they_were_given",
    ),
    faulty_sqlite.KeepsTokensOfAnotherVector: (
        "test_they_stay_with_the_vector_that_they_belong_to",
    ),
    faulty_sqlite.DropsTokensAtEachChange: (
        "test_they_stay_with_the_vector_that_they_belong_to",
        "test_within_a_batch_the_last_word_counts",
    ),
    faulty_sqlite.StagesNoTokens: ("test_a_reembedding_replaces_all_of_them_at_once",),
}


class TestAnHonestBackend(BackendConformance):
    """What the faulty ones are made of passes all that it declares."""

    backend_factory = "tests.conformance.toy:ToyBackend"
    foreign_rows = FOREIGN_ROWS
    fact_histories = 2
    kills = 2


def suite_for(fault: type[Backend]) -> Any:
    """The conformance suite of a faulty backend, not collected as tests itself."""
    return type(
        f"Of{fault.__name__}",
        (BackendConformance,),
        {
            "backend_factory": f"{fault.__module__}:{fault.__name__}",
            "foreign_rows": FOREIGN_ROWS,
            "kills": 2,
            "__test__": False,
        },
    )()


@pytest.mark.parametrize(
    ("fault", "test"),
    [(fault, test) for fault, tests in CAUGHT.items() for test in tests],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_a_faulty_backend_fails(fault: type[Backend], test: str, tmp_path: Path) -> None:
    suite = suite_for(fault)
    arguments = {"tmp_path": tmp_path}
    if "crowd" in test or "small_namespace" in test:
        suite.fill_crowd(tmp_path / "crowd")
        arguments["crowded"] = tmp_path / "crowd"
        if "words" not in test:
            del arguments["tmp_path"]
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        getattr(suite, test)(**arguments)


def test_every_faulty_backend_is_tried() -> None:
    made = {
        each
        for module in (faulty, faulty_sqlite)
        for each in vars(module).values()
        if isinstance(each, type) and each.__module__ == module.__name__
    }
    assert made == set(CAUGHT)


def test_a_backend_without_a_factory_is_told_what_to_set(tmp_path: Path) -> None:
    class Unfinished(BackendConformance):
        __test__ = False

    with pytest.raises(NotImplementedError, match="backend_factory"):
        Unfinished().make_backend(tmp_path)


def test_the_testing_package_has_one_name_and_no_other() -> None:
    assert memkit.testing.__all__ == ["BackendConformance"]
    with pytest.raises(AttributeError, match="no attribute"):
        memkit.testing.Unknown  # noqa: B018
