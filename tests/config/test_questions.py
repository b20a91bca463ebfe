"""Equal questions are one; ids survive the process and tell no secret."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from lvsctl.config.load import Loaded
from lvsctl.errors import ConfigError
from tests.config.loading import complaints, loaded

TOKEN = "tr0ub4dor-and-3"


def web(check: str, *, name: str = "web", last: int = 1) -> str:
    return f"services: {{{name}: {{address: '192.0.2.{last}:80', check: {check}, servers: [192.0.2.9]}}}}\n"


def ids(found: Loaded) -> list[str]:
    return list(found.spec.questions)


def test_an_id_can_be_read_and_is_the_same_everywhere() -> None:
    (question,) = ids(loaded(web("{http: {path: /x}, rise: 5}")))
    assert question == "http:192.0.2.9:80:e28524a93e1c"
    (check,) = loaded(web("{http: {path: /x}, rise: 5}")).spec.checks
    assert check == "http:192.0.2.9:80:e28524a93e1c:5/3"


def test_another_process_gives_the_same_ids() -> None:
    check = "{http: {headers: [a, b], token: hunter2}}"
    program = f"from tests.config.test_questions import *; print(ids(loaded(web({check!r})))[0])"
    root = Path(__file__).parents[2]
    other = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True)
    assert other.stdout.split() == ids(loaded(web(check)))


def test_what_is_written_and_what_is_the_default_are_equal() -> None:
    found = loaded(web("http"), web("{http: {path: /}, timeout: 1s}", name="app", last=2))
    assert len(found.spec.questions) == 1
    assert (
        found.spec.services["web"].pools[0].servers[0].checks == found.spec.services["app"].pools[0].servers[0].checks
    )


@pytest.mark.parametrize(
    "other", ["{http: {path: /y}}", "{http: {}, timeout: 900ms}", "{http: {}, port: 81}", "{tcp: {}}",
              "{http: {headers: [a]}}", "{http: {token: x}}"],
)  # fmt: skip
def test_another_question_has_another_id(other: str) -> None:
    assert ids(loaded(web("http"))) != ids(loaded(web(other)))


def test_one_question_judged_in_two_ways() -> None:
    found = loaded(web("{tcp: {}, rise: 1}"), web("{tcp: {}, fall: 1}", name="app", last=2))
    (question,) = found.spec.questions
    assert {(check.question, check.rise, check.fall) for check in found.spec.checks.values()} == {
        (question, 1, 3),
        (question, 2, 1),
    }


def test_the_shortest_of_each_interval_wins() -> None:
    one = "{tcp: {}, interval: 4s, fast_interval: 3s, down_interval: 9s}"
    other = "{tcp: {}, interval: 5s, fast_interval: 2s, down_interval: 20s}"
    (question,) = loaded(web(one), web(other, name="app", last=2)).spec.questions.values()
    assert (question.interval, question.fast_interval, question.down_interval) == (4.0, 2.0, 9.0)


def test_timings_come_from_the_check_then_the_defaults() -> None:
    defaults = "defaults: {interval: 7s, timeout: 3s, rise: 4, fall: 5, down_interval: 30s}\n"
    found = loaded(web("{tcp: {}, interval: 8s, fall: 6}"), defaults)
    (question,) = found.spec.questions.values()
    (check,) = found.spec.checks.values()
    assert (question.interval, question.timeout, question.fast_interval, question.down_interval) == (8, 3, 8, 30)
    assert (check.rise, check.fall) == (4, 6)


def test_a_name_means_the_named_check_before_the_kind() -> None:
    found = loaded(web("tcp"), "checks: {tcp: {http: {path: /named}}}\n")
    (question,) = found.spec.questions.values()
    assert question.kind == "http"


def test_a_named_check_may_be_a_bare_kind() -> None:
    (question,) = loaded(web("alive"), "checks: {alive: tcp}\n").spec.questions.values()
    assert question.kind == "tcp"


def test_the_same_check_twice_is_one() -> None:
    found = loaded(web("[tcp, alive, http]"), "checks: {alive: tcp}\n")
    assert len(found.spec.services["web"].pools[0].servers[0].checks) == 2


def test_a_kind_without_keys_needs_no_braces() -> None:
    (question,) = loaded("services:\n  web:\n    address: 192.0.2.1:80\n    check:\n      tcp:\n      interval: 3s\n"
                         "    servers: [192.0.2.9]\n").spec.questions.values()  # fmt: skip
    assert (question.kind, question.interval) == ("tcp", 3.0)


def test_parameters_can_be_hashed() -> None:
    (question,) = loaded(web("{http: {headers: [a, b]}}")).spec.questions.values()
    assert hash(question.params) == hash(question.params)


def test_secrets_are_put_in_and_not_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(TOKEN + "\n")
    monkeypatch.setenv("LVSCTL_TEST_TOKEN", TOKEN)
    from_file = loaded(web(f"{{http: {{headers: ['${{file:{tmp_path}/token}}']}}}}"))
    from_environment = loaded(web("{http: {headers: ['${env:LVSCTL_TEST_TOKEN}']}}"))
    (question,) = from_file.spec.questions.values()
    assert question.params.headers == (TOKEN,)  # type: ignore[attr-defined]
    assert ids(from_file) == ids(from_environment), "the same question, wherever its secret comes from"
    assert TOKEN not in repr(from_file) + str(question.params) + repr(question.params)


def test_another_secret_is_another_question(monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for secret in (TOKEN, TOKEN + "!"):
        monkeypatch.setenv("LVSCTL_TEST_TOKEN", secret)
        found += ids(loaded(web("{http: {token: '${env:LVSCTL_TEST_TOKEN}'}}")))
    assert found[0] != found[1]


def test_the_digest_of_a_secret_is_no_plain_hash_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ids are shown and logged: whoever guesses must pay for each guess, so the key goes through scrypt."""
    import hashlib

    calls = []
    real = hashlib.scrypt
    monkeypatch.setattr(hashlib, "scrypt", lambda *args, **keys: calls.append(keys["n"]) or real(*args, **keys))
    monkeypatch.setenv("LVSCTL_TEST_TOKEN", TOKEN)
    loaded(web("{http: {body: '${env:LVSCTL_TEST_TOKEN}'}}"), web("{http: {body: plain}}", name="b", last=2))
    loaded(web("{http: {token: written-out}}"))
    assert calls == [2**14, 2**14], "once for the reference, once for the SecretStr, never for plain parameters"


@pytest.mark.parametrize(
    "params",
    [
        "path: '${env:LVSCTL_TEST_TOKEN}'",
        "status: '${env:LVSCTL_TEST_TOKEN}'",
        "headers: '${env:LVSCTL_TEST_TOKEN}'",
        "headers: [{a: '${env:LVSCTL_TEST_TOKEN}'}]",
        "token: ['${env:LVSCTL_TEST_TOKEN}']",
        "unknown: '${env:LVSCTL_TEST_TOKEN}'",
    ],
)
def test_a_secret_that_does_not_fit_is_not_told(params: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LVSCTL_TEST_TOKEN", TOKEN)
    with pytest.raises(ConfigError) as caught:
        loaded(web(f"{{http: {{{params}}}}}"))
    assert caught.value.problems
    assert TOKEN not in str(caught.value) + repr(caught.value.problems)


def test_a_kind_that_quotes_what_it_refuses_does_not_quote_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LVSCTL_TEST_TOKEN", TOKEN)
    assert complaints(web("{http: {path: '${env:LVSCTL_TEST_TOKEN}'}}")) == [
        "a.yaml:1:64: services.web.check.http.path: the check does not accept this value; what it holds is not shown "
        "because it is secret"
    ]


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda path: path.write_bytes(b"\xff"), "is not UTF-8 text"),
        (lambda path: path.write_bytes(b"x" * 65537), "is larger than 64 KiB"),
        (lambda path: path.write_bytes(b"\n"), "is empty"),
        (lambda path: path.mkdir(), "does not exist or is not a regular file"),
    ],
)
def test_secret_files_that_cannot_be_used(make: object, why: str, tmp_path: Path) -> None:
    path = tmp_path / "token"
    make(path)  # type: ignore[operator]
    (said,) = complaints(web(f"{{http: {{token: '${{file:{path}}}'}}}}").replace(str(path), str(path)))
    assert said.endswith(why)


def test_a_secret_may_be_shell_text_that_is_no_reference() -> None:
    found = loaded(web("{exec: {command: [sh, -c, 'echo ${file:-x} ${HOME} $1']}}"))
    (question,) = found.spec.questions.values()
    assert question.params.command[2] == "echo ${file:-x} ${HOME} $1"  # type: ignore[attr-defined]
