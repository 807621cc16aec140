import json
from random import Random

from protocol.attempts import ItemKind
from veritas.simulation.questions import ITEMS, answer_item, name_item


def test_there_is_an_item_of_each_kind_and_no_name_twice() -> None:
    assert {item["kind"] for item in ITEMS} == set(ItemKind)
    assert len({item["item"] for item in ITEMS}) == len(ITEMS)


def test_keys_are_among_the_choices() -> None:
    for item in ITEMS:
        if item["kind"] == "choice":
            assert item["answer_key"] in item["choices"]
        elif item["kind"] == "multiple":
            assert set(item["answer_key"]) <= set(item["choices"])
        elif item["kind"] == "text":
            assert "answer_key" not in item


def test_after_the_last_item_the_first_one_comes_again() -> None:
    names = [name_item(number) for number in range(len(ITEMS) + 1)]
    assert names[0] == names[-1] == "q1"
    assert len(set(names)) == len(ITEMS)


def test_answers_fit_their_items_and_are_not_all_right() -> None:
    random = Random(1)
    for number, item in enumerate(ITEMS):
        answers = [answer_item(random, number) for _ in range(50)]
        match item["kind"]:
            case "choice":
                assert set(answers) <= set(item["choices"])
            case "multiple":
                assert all(set(answer) <= set(item["choices"]) for answer in answers)
            case "number":
                assert all(isinstance(answer, int) for answer in answers)
            case _:
                assert all(isinstance(answer, str) for answer in answers)
        if item["kind"] != "text":
            key = item["answer_key"]
            assert (key["value"] if isinstance(key, dict) else key) in answers
            assert len({json.dumps(answer) for answer in answers}) > 1
