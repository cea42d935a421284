"""The table of docs/security.md: each line, by what is read, has tests that attack it."""

import ast
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

TESTS = Path(__file__).parent
SECURITY = (TESTS.parent / "docs/security.md").read_text(encoding="utf-8")
# The tests of each line of "What each may cause", by its first cell.
ATTACKS: Mapping[str, Mapping[str, Sequence[str]]] = {
    "config.toml, .env": {
        "config/test_trust.py": (
            "test_a_strangers_folder_gets_no_token", "test_folders_elsewhere_need_trust",
            "test_names_that_lead_out_need_trust", "test_other_settings_need_none",
            "test_a_stranger_gives_no_consent_for_the_user",
        ),
        "config/test_layers.py": (
            "test_places_are_apart", "test_no_place_has_a_name_of_equigens_own",
        ),
        "config/test_messages.py": ("test_a_number_that_is_too_large_is_told_its_bound",),
    },
    "a link in the place of the dataset's folder, the TSV, the covers, the sets, or the dumps": {
        "config/test_trust.py": (
            "test_a_link_that_leads_out_of_a_strangers_folder_needs_trust",
            "test_odd_links_are_judged_by_where_they_lead",
        ),
        "faults/test_safety_names.py": ("test_the_images_folder_itself_may_be_a_link",),
    },
    "TSV": {
        "faults/test_safety_names.py": ("test_no_name_leaves_the_folders",),
        "faults/test_safety_cells.py": (
            "test_a_report_holds_no_element_that_is_not_ours",
            "test_no_cell_and_no_answer_commands_the_terminal",
        ),
        "faults/test_safety_hosts.py": ("test_addresses_of_other_schemes_are_refused",),
        "http/test_private.py": ("test_never_and_always",),
        "dataset/test_tsv.py": ("test_any_bytes_are_read_or_refused",),
    },
    "a recipe": {
        "recipes/test_recipe.py": (
            "test_a_strangers_recipe_is_refused_in_a_line",
            "test_what_unpacks_to_far_too_much_is_refused",
            "test_a_recipes_settings_name_no_place_and_no_host",
        ),
        "fuzz/test_readers.py": ("test_changed_ones_are_read_or_refused",),
    },
    "split.tsv, reserve": {
        "faults/test_strange_ledgers.py": ("test_sets_that_lead_out_are_damage",),
        "fuzz/test_readers.py": ("test_changed_ones_are_read_or_refused",),
    },
    "an export's folder, with its `export.json`": {
        "exports/test_export_places.py": (), "exports/test_export_bytes.py": (),
        "fuzz/test_readers.py": ("test_changed_ones_are_read_or_refused",),
    },
    "an export that you publish, the Hub or store that you name": {
        "exports/test_publishing_token.py": (),
        "exports/test_publishing.py": (
            "test_what_is_for_private_use_is_never_sent",
            "test_what_is_not_the_export_is_never_sent",
        ),
        "exports/test_publishing_stores.py": (
            "test_lists_of_strangers_remove_nothing_elsewhere",
            "test_hard_links_of_what_is_replaced_are_not_written_through",
        ),
    },
    "ledger, its copies and journals": {
        "faults/test_strange_ledgers.py": (
            "test_a_ledger_that_brings_code_is_refused",
            "test_a_copy_that_brings_code_is_not_restored",
            "test_a_strange_journal_deletes_no_file", "test_paths_that_lead_out_are_damage",
            "test_no_statement_runs_for_ever",
        ),
    },
    "a link, pipe or device in any other file's place, the lock's among them": {
        "storage/test_below.py": (
            "test_nothing_outside_is_read_or_changed",
            "test_a_folder_that_is_swapped_for_a_link_leads_nowhere",
        ),
        "storage/test_lock.py": ("test_a_lock_that_is_no_lock_is_refused",),
        "faults/test_safety_names.py": (
            "test_links_in_the_place_of_our_own_files_are_not_followed",
        ),
    },
    "a dataset given to `import` or `audit`": {
        "commands/test_import.py": (
            "test_a_table_of_files_reads_none_outside", "test_what_is_broken_or_a_link_is_no_cover",
            "test_pipes_are_not_waited_for",
        ),
        "commands/test_audit.py": ("test_an_audit_asks_no_address",),
        "fuzz/test_readers.py": ("test_changed_ones_are_read_or_refused",),
    },
    "a cover's bytes": {
        "faults/test_cover_bombs.py": (), "faults/test_cover_fuzz.py": (),
        "images/test_structure.py": (
            "test_a_picture_of_too_many_parts_is_refused", "test_parts_fill_no_memory",
        ),
    },
    "a host's answer, what a name resolves to": {
        "faults/test_safety_credentials.py": (),
        "http/test_private.py": (
            "test_a_public_host_leads_to_no_private_one",
            "test_a_name_is_what_it_is_connected_to",
        ),
        "http/test_tokens.py": (), "faults/test_cover_hosts.py": (),
    },
    "a dump, an archive, a part of one": {
        "dumps/test_getting.py": (
            "test_nothing_is_read_or_written_through_what_lies_in_a_parts_place",
            "test_a_strangers_note_puts_nothing_into_a_request",
        ),
        "dumps/test_release_groups.py": ("test_memory_stays_flat",),
        "fuzz/test_readers.py": ("test_changed_ones_are_read_or_refused",),
    },
    "a dump's index": {
        "dumps/test_index.py": (
            "test_an_index_of_a_stranger_is_refused_at_once",
            "test_an_index_whose_rows_never_end_is_made_anew",
        ),
    },
    "a feature's table, a part of one": {
        "features/test_features.py": (
            "test_a_table_that_is_broken_is_told_and_left",
            "test_a_link_in_the_place_of_a_table_is_not_followed", "test_a_name_is_no_path",
            "test_a_pipe_in_the_place_of_a_table_is_not_waited_for",
        ),
    },
}  # fmt: skip


def test_each_line_of_the_threat_model_is_attacked() -> None:
    """A line that is new needs an attack; of a file without names all tests are meant."""
    table = SECURITY.partition("## What each may cause")[2].partition("\n## ")[0]
    assert re.findall(r"^\| (.+?) \| .+ \| .+ \|$", table, re.MULTILINE)[1:] == [*ATTACKS]
    for files in ATTACKS.values():
        for file, names in files.items():
            tree = ast.parse((TESTS / file).read_bytes())
            there = {each.name for each in tree.body if isinstance(each, ast.FunctionDef)}
            assert {*names} <= there, (file, {*names} - there)
            assert any(each.startswith("test_") for each in there)
