"""The roster of a simulated class: usernames, and names of people who do not exist. Pure."""

from typing import Final

FIRST: Final = """
Amal Bruno Chidi Dalia Emre Farah Goran Hana Ines Jonas Kofi Lena Mei Nour Olga Pavel Rosa Sami Tara Uma
"""
LAST: Final = """
Adeyemi Berg Costa Dimitrov Endo Fischer Garcia Haddad Ivanov Jansen Kaya Lindholm Moreau Novak Okafor Park
"""


def make_roster(count: int) -> list[dict[str, str]]:
    """Students `sim-0001` to `count`, as the hub's roster takes them; the same ones for every class."""
    return [{"username": f"sim-{number:04}", "name": _name(number)} for number in range(1, count + 1)]


def _name(number: int) -> str:
    firsts, lasts = FIRST.split(), LAST.split()
    again, place = divmod(number - 1, len(firsts) * len(lasts))
    # Both lists advance together, shifted after each round, so that neighbours share neither name.
    first, last = place % len(firsts), (place + place // len(firsts)) % len(lasts)
    name = f"{firsts[first]} {lasts[last]}"
    return name if again == 0 else f"{name} {again + 1}"
