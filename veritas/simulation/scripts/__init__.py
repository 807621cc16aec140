"""Scripted candidates: one file per behaviour, each naming the rules that must flag it; no other rule may.

Pure: a script turns a seed and a length into steps, and never looks at a clock or a socket.
"""

from inspect import getdoc
from random import Random
from types import ModuleType
from typing import Final

from veritas.simulation.scripts import (
    copies_answer,
    flaky_network,
    leaves_fullscreen,
    looks_aside,
    looks_at_keyboard,
    moves_text,
    one_notification,
    screen_reader,
    steady_typist,
    tab_switcher,
    wanderer,
)
from veritas.simulation.scripts.step import Cut, Say, Script, Step

__all__ = ["CHEATING", "HONEST", "SCRIPTS", "Cut", "Say", "Script", "Step", "cast_class"]

HONEST_SHARE = 0.7


def _script(module: ModuleType) -> Script:
    return Script(
        name=module.NAME,
        summary=(getdoc(module) or "").splitlines()[0],
        must_raise=module.MUST_RAISE,
        needs_s=module.NEEDS_S,
        steps=module.steps,
    )


HONEST: Final = tuple(
    _script(module)
    for module in (steady_typist, one_notification, looks_at_keyboard, flaky_network, screen_reader, moves_text)
)
CHEATING: Final = tuple(
    _script(module) for module in (tab_switcher, wanderer, leaves_fullscreen, copies_answer, looks_aside)
)
SCRIPTS: Final = {script.name: script for script in (*HONEST, *CHEATING)}


def cast_class(students: int, seconds: float, random: Random) -> list[Script]:
    """Give every student a script: about 70 % are honest, every cheating script that fits into `seconds` is played."""
    cheating = [script for script in CHEATING if script.needs_s <= seconds]
    cheats = min(students, max(len(cheating), round(students * (1 - HONEST_SHARE)))) if cheating else 0
    cast = [cheating[number % len(cheating)] for number in range(cheats)]
    cast += [HONEST[number % len(HONEST)] for number in range(students - cheats)]
    random.shuffle(cast)
    return cast
