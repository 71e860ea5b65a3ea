"""The page that asks for a token: by keyboard, a wrong one refused, a right one kept where no script can read it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.xdist_group("page")


def test_a_token_is_asked_for_once_and_then_it_goes_on_where_it_was(
    tab: Callable[..., Any], locked: tuple[str, str]
) -> None:
    url, token = locked
    one = tab(server=url)
    one.expected += ["401"]
    one.go("/runs?from=here")
    one.open.wait_for_url("**/login?to=*")
    one.focus("token")
    one.open.keyboard.type("a-token-that-nobody-has-given")
    one.open.keyboard.press("Enter")
    one.get("problem").get_by_text("unauthorized").wait_for()
    one.looks("login-refused", again=True)
    one.get("token").fill("")
    one.focus("token", "Shift+Tab")
    one.open.keyboard.type(token)
    one.focus("go-on")
    one.open.keyboard.press("Enter")
    one.open.wait_for_url("**/runs?from=here")
    one.get("empty").wait_for()
    assert one.open.evaluate("() => [document.cookie, localStorage.length, sessionStorage.length]") == ["", 0, 0]
    (cookie,) = one.context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict") and token not in cookie["value"]
    one.clean()


def test_after_the_token_nobody_is_led_to_another_site(tab: Callable[..., Any], locked: tuple[str, str]) -> None:
    url, token = locked
    one = tab(server=url)
    one.go("/login?to=//elsewhere.example/%5Cx")
    one.get("token").fill(token)
    one.get("go-on").click()
    one.open.wait_for_url(f"{url}/")
    one.clean()
