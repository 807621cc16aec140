"""Scripts of simulated students: one file per behavior, with the rules that must flag it. No other rule may flag it.

Pure: a script turns a seed and a length into steps. It never uses a clock or a socket.
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
from veritas.simulation.scripts.step import LoseNetwork, RecordEvent, Script, Step

__all__ = ["CHEATING", "HONEST", "SCRIPTS", "LoseNetwork", "RecordEvent", "Script", "Step", "cast_class"]

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


def assign_scripts(students: int, seconds: float, random: Random) -> list[Script]:
    """Assign a script to every student: about 70 % are honest; each cheating script that fits in occurs."""
    cheating = [script for script in CHEATING if script.needs_s <= seconds]
    cheats = min(students, max(len(cheating), round(students * (1 - HONEST_SHARE)))) if cheating else 0
    cast = [cheating[number % len(cheating)] for number in range(cheats)]
    cast += [HONEST[number % len(HONEST)] for number in range(students - cheats)]
    random.shuffle(cast)
    return cast
