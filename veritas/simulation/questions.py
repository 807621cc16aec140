"""Items of the simulated exam, at least one of each kind, and how simulated students answer them. Pure."""

from random import Random
from typing import Any, Final

ITEMS: Final[tuple[dict[str, Any], ...]] = (
    {
        "item": "q1",
        "kind": "text",
        "prompt": "Astronauts in orbit float. Explain in your own words why, and why gravity is not absent there.",
        "points": 6,
    },
    {
        "item": "q2",
        "kind": "choice",
        "prompt": "Which of these quantities has a direction?",
        "choices": ["mass", "velocity", "temperature", "energy"],
        "points": 2,
        "answer_key": "velocity",
    },
    {
        "item": "q3",
        "kind": "number",
        "prompt": "A train travels at 20 m/s. How far does it come in one minute, in metres?",
        "points": 3,
        "answer_key": {"value": 1200, "tolerance": 1},
    },
    {
        "item": "q4",
        "kind": "multiple",
        "prompt": "Which of these are base units of the SI?",
        "choices": ["metre", "newton", "second", "volt", "kelvin"],
        "points": 3,
        "answer_key": ["metre", "second", "kelvin"],
    },
    {
        "item": "q5",
        "kind": "choice",
        "prompt": "A stone falls freely. What happens to its acceleration if there is no air?",
        "choices": ["it grows", "it stays the same", "it shrinks"],
        "points": 2,
        "answer_key": "it stays the same",
    },
    {
        "item": "q6",
        "kind": "text",
        "prompt": "Describe an experiment with which you would measure the acceleration of gravity at school.",
        "points": 4,
    },
)
"""The items in the form that REST accepts."""

CORRECT_SHARE: Final = 0.7
"""Share of correct answers."""

_ESSAY: Final = "Both fall around the Earth at the same rate, so nothing presses the astronaut to the floor."


def name_item(number: int) -> str:
    """Return the item that comes after `number` answers; after the last item the first one comes again."""
    return str(ITEMS[number % len(ITEMS)]["item"])


def answer_item(random: Random, number: int) -> Any:
    """Return an answer to the item at position `number`; it is correct in 70 % of cases."""
    item = ITEMS[number % len(ITEMS)]
    key: Any = item.get("answer_key")
    knows = random.random() < CORRECT_SHARE
    match item["kind"]:
        case "choice":
            return key if knows else random.choice(item["choices"])
        case "multiple":
            return key if knows else random.sample(item["choices"], 2)
        case "number":
            return key["value"] if knows else random.randint(10, 90) * 20
        case _:
            return _ESSAY
