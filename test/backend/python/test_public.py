"""What an application may use: `__all__`, and the version that answers carry."""

import json
import re
from pathlib import Path
from types import ModuleType

import shelfshack_ws
from conftest import Start
from proxy import disconnect_request

PACKAGE = Path(__file__).parents[3] / "package.json"


def test_all_names_what_is_public() -> None:
    imported = re.findall(
        r"^(?:from|import) [^(]*?(?:\([^)]*\))?$", Path(shelfshack_ws.__file__).read_text(), re.M
    )
    foreign = {word for line in imported for word in re.findall(r"\w+", line)}
    own = {
        name
        for name, value in vars(shelfshack_ws).items()
        if not name.startswith("_") and name not in foreign and not isinstance(value, ModuleType)
    }
    assert sorted(own) == sorted(shelfshack_ws.__all__)


def test_the_version_is_that_of_the_package() -> None:
    assert shelfshack_ws.__version__ == json.loads(PACKAGE.read_text())["version"]


def test_an_answer_to_the_proxy_carries_the_version_and_a_rejection_does_not(start: Start) -> None:
    backend = start().backend
    request = disconnect_request("C=")
    assert backend.send(request).headers["shelfshack-kit"] == shelfshack_ws.__version__
    request.headers["x-connection-id"] = "D="
    rejected = backend.send(request)
    assert (rejected.status, "shelfshack-kit" in rejected.headers) == (401, False)
