"""An error says where, what, and the way out."""

import pickle

from tiktoktoe.kernel.errors import InvalidInput


def test_invalid_input_names_the_field_and_the_way_out() -> None:
    error = InvalidInput("'10' is not above 20", field="tiers[2].up_to", remedy="let tiers rise")

    assert str(error) == "tiers[2].up_to: '10' is not above 20 (let tiers rise)"


def test_invalid_input_may_be_only_a_sentence() -> None:
    assert str(InvalidInput("nothing to import")) == "nothing to import"


def test_invalid_input_survives_the_way_between_processes() -> None:
    error = pickle.loads(pickle.dumps(InvalidInput("no", field="a", remedy="b")))

    assert (error.message, error.field, error.remedy) == ("no", "a", "b")
