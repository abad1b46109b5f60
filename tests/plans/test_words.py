"""Words have a form for the log, given where they are made."""

from lib.errors import ApiError, Rejected
from lib.plans.words import Words, joined, of_error, said


def test_joined_words_keep_both_forms_and_leave_out_what_is_empty():
    words = joined(Words("Jane Doe is here.", ""), said("Paused."), Words("", ""))
    assert words == Words("Jane Doe is here. Paused.", "Paused.")


def test_a_sentence_around_words_has_both_forms():
    assert Words("name was “Jane”", "name").within("Changed: {}.") == Words("Changed: name was “Jane”.", "Changed: name.")


def test_of_an_error_the_log_gets_its_kind_and_status():
    assert of_error(Rejected("Jane Doe may not.", status=422)).in_log == "Rejected, status 422."
    assert of_error(ApiError("Jane Doe may not.")).in_log == "ApiError."
