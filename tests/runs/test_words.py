"""Words have a form for the log only where somebody gave them one."""

import copy

from lib.errors import ApiError, Rejected
from lib.runs.words import Words, for_log, joined, of_error


def test_words_that_nobody_thought_of_stay_out_of_the_log():
    assert for_log("Jane Doe") == for_log(f"{Words('Jane Doe')}") == ""
    assert for_log(joined("Jane Doe is", Words("Paused."))) == "Paused."


def test_both_forms_survive_what_is_done_to_words():
    words = Words("name was “Jane”", "name").within("Changed: {}.")
    assert (str(words), for_log(words)) == ("Changed: name was “Jane”.", "Changed: name.")
    assert for_log(copy.deepcopy(words)) == for_log(words)


def test_of_an_error_the_log_gets_its_kind_and_status():
    assert for_log(of_error(Rejected("Jane Doe may not.", status=422))) == "Rejected, status 422."
    assert for_log(of_error(ApiError("Jane Doe may not."))) == "ApiError."
