import base64

import pytest
from service_receivers import Hook, entry, free_port

from packsight.errors import UserError
from packsight.receivers.receiver import UnreachableError
from packsight.receivers.webhook import Webhook


@pytest.fixture
def hook():
    hook = Hook()
    yield hook
    hook.close()


def test_verdicts_are_posted_with_their_id(hook):
    assert [*Webhook(hook.url, "abc").deliver([entry(1), entry(2)])] == [1, 2]
    assert [told["id"] for told in hook.heard] == [1, 2]
    assert [headers["X-Packsight-Verdict"] for headers in hook.headers] == ["abc-1", "abc-2"]
    assert hook.headers[0]["Content-Type"] == "application/json"


@pytest.mark.parametrize("status", [302, 404, 503])
def test_only_2xx_acknowledges(hook, status):
    hook.status = status
    with pytest.raises(UnreachableError, match=str(status)):
        [*Webhook(hook.url, "abc").deliver([entry(1)])]


def test_nobody_there_is_told(hook):
    with pytest.raises(UnreachableError, match="refused"):
        [*Webhook(f"http://127.0.0.1:{free_port()}/", "abc").deliver([entry(1)])]


def test_the_name_keeps_secrets():
    assert Webhook("https://me:secret@mes:8000/line?key=secret", "a").name == (
        "webhook https://mes:8000/line"
    )


def test_user_and_password_go_into_a_header(hook):
    [*Webhook(hook.url.replace("//", "//me:p%40ss@"), "abc").deliver([entry(1)])]
    assert hook.headers[0]["Authorization"] == "Basic " + base64.b64encode(b"me:p@ss").decode()


def test_no_address_is_a_sentence():
    with pytest.raises(UserError, match="--webhook mes:8000 is no address"):
        Webhook("mes:8000", "abc")
