import pytest

from protocol.codes import CloseCode
from veritas.codegen.typescript import spell
from veritas.codegen.web_types import WEB, openapi, render

WRITTEN = render()


@pytest.mark.parametrize("path", WRITTEN)
def test_what_the_pages_know_is_what_the_code_says_now(path: str) -> None:
    assert (WEB / path).read_text() == WRITTEN[path], "run `make docs`"


def test_every_schema_of_rest_is_told() -> None:
    for name in openapi()["components"]["schemas"]:
        assert f" {spell(name)} " in WRITTEN["shared/src/wire/rest.ts"], name


def test_a_client_learns_after_which_codes_not_to_come_back() -> None:
    codes = WRITTEN["shared/src/wire/codes.ts"]
    assert f"ended: {int(CloseCode.ENDED)}," in codes
    assert "FINAL_CODES: readonly number[] = [1000, 1007, 1009, 4400, 4401, 4403, 4409, 4410, 4413]" in codes


def test_what_a_client_sends_may_leave_its_defaults_out_and_what_it_hears_is_whole() -> None:
    console = WRITTEN["shared/src/wire/console.ts"]
    assert "ticket?: string | null;" in console
    assert "auth_until: number;" in console
    assert 'kind: "flag"; body: FlagRow; }' in console
