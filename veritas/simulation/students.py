"""Roster of the simulated exam: usernames and invented names. Pure."""

from typing import Final

FIRST: Final = """
Amal Bruno Chidi Dalia Emre Farah Goran Hana Ines Jonas Kofi Lena Mei Nour Olga Pavel Rosa Sami Tara Uma
"""
LAST: Final = """
Adeyemi Berg Costa Dimitrov Endo Fischer Garcia Haddad Ivanov Jansen Kaya Lindholm Moreau Novak Okafor Park
"""


def make_roster(count: int) -> list[dict[str, str]]:
    """Return students `sim-0001`, `sim-0002`, … in the form that REST accepts; the same for every run."""
    return [{"username": f"sim-{number:04}", "name": _name(number)} for number in range(1, count + 1)]


def _name(number: int) -> str:
    firsts, lasts = FIRST.split(), LAST.split()
    again, place = divmod(number - 1, len(firsts) * len(lasts))
    # Both lists advance together and shift after each round, so that neighbors share neither name.
    first, last = place % len(firsts), (place + place // len(firsts)) % len(lasts)
    name = f"{firsts[first]} {lasts[last]}"
    return name if again == 0 else f"{name} {again + 1}"
