"""Who reaches the server, what an installation takes from where, and what names do in pages."""

from __future__ import annotations

import importlib.metadata
import io
import re
import stat
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import httpx
import pytest
from markdown_it import MarkdownIt
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from seqcls.messages import checks_table
from seqcls.pages import escape
from seqcls.store.artefacts import ArtefactStore
from seqcls.validation.checks import read_checks
from tests.conftest import ROOT
from tests.flows.refusals import OPEN, answered_calls, opened_streams
from tests.flows.stack import Stack
from tests.reliability.processes import Nursery
from tests.road_data import WORDS


def makefile_environment() -> dict[str, str]:
    """What `make server` starts the server with."""
    done = subprocess.run(
        ["make", "-s", "--eval", "print-environment: ; @$(SERVER_SETTINGS) env", "print-environment"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    lines = (line.partition("=") for line in done.stdout.splitlines())
    return {name: value for name, _, value in lines if name.startswith(("PREFECT_", "DO_NOT_", "GX_"))}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A server with the settings of the Makefile, on a port of its own."""
    settings = makefile_environment()
    with Stack(tmp_path_factory.mktemp("prefect"), ROOT) as stack:
        port = stack.env["PREFECT_SERVER_API_PORT"]
        for name, value in settings.items():
            if name != "PREFECT_HOME":
                stack.env[name] = value.replace(settings["PREFECT_SERVER_API_PORT"], port)
        stack.start_server()
        yield stack


@pytest.fixture
def server(stack: Stack) -> httpx.Client:
    """A client that knows the password."""
    return stack.client


def listening(port: int) -> set[str]:
    """Local addresses (as in /proc/net/tcp) at which a port is listened on."""
    found = set[str]()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            address, state = line.split()[1], line.split()[3]
            if state == "0A" and int(address.rpartition(":")[2], 16) == port:
                found.add(address.rpartition(":")[0])
    return found


@pytest.mark.server
@pytest.mark.slow
@pytest.mark.fault(
    "A10",
    tried="the server as `make server` sets it up: another machine, a web page of another origin, a form without token",
    outcome="it listens on 127.0.0.1 alone; the other origin is not allowed; a write without token is answered 403, "
    "with one it works",
)
def test_the_server_answers_this_machine_and_its_own_pages_only(server: httpx.Client) -> None:
    assert listening(server.base_url.port or 0) == {"0100007F"}
    evil = {"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"}
    asked = server.request("OPTIONS", "/flows/filter", headers=evil)
    assert asked.headers.get("access-control-allow-origin") is None
    own = f"http://127.0.0.1:{server.base_url.port}"
    asked = server.request("OPTIONS", "/flows/filter", headers={**evil, "Origin": own})
    assert asked.headers["access-control-allow-origin"] == own
    body = {"name": "from-a-form"}
    assert server.post("/flows/", json=body, headers={"Origin": "http://evil.example"}).status_code == 403
    token = server.get("/csrf-token", params={"client": "test"}).json()["token"]
    headers = {"Prefect-Csrf-Token": token, "Prefect-Csrf-Client": "test"}
    assert server.post("/flows/", json=body, headers=headers).status_code == 201


@pytest.mark.server
@pytest.mark.slow
@pytest.mark.fault(
    "N13",
    tried="the server as `make server` starts it: every call of its API and every WebSocket without the password, with "
    "a wrong one, from a page of another origin, and under another host name (DNS rebinding)",
    outcome="all are refused but /api/health and /api/ready; the password is a file of the user alone",
)
def test_without_its_password_the_server_answers_nobody(stack: Stack) -> None:
    address = stack.env["PREFECT_API_URL"].removesuffix("/api")
    for headers in ({}, {"Host": "evil.example", "Origin": "http://evil.example"}):
        calls, answered = answered_calls(address, headers)
        assert calls > 150
        assert answered == OPEN
    for origin in (None, "http://evil.example"):
        for password in ("", "seqcls:wrong"):
            assert opened_streams(address, password, origin) == set()
    # the stream of scheduled task runs wants no answer before it has something to say
    assert opened_streams(address, stack.password) >= {"/api/events/in", "/api/events/out", "/api/logs/out"}
    assert stat.S_IMODE((stack.home / "server.password").stat().st_mode) == 0o600
    assert len(stack.password) > 30
    assert f"it is the line in {stack.home / 'server.password'}" in (stack.home / "server.log").read_text()


@pytest.mark.server
@pytest.mark.slow
@pytest.mark.fault(
    "O17",
    tried="`seqcls doctor` beside the running server of `make server`, which asks for a password",
    outcome="it finds the server by itself and says that it answers",
)
def test_doctor_finds_the_running_server(stack: Stack) -> None:
    command = [sys.executable, "-m", "seqcls", "doctor"]
    env = {name: value for name, value in stack.env.items() if name != "PREFECT_API_URL"}
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    assert f"ok  prefect server: {stack.env['PREFECT_API_URL']} answers 200" in done.stdout


@pytest.mark.fault(
    "A10",
    tried="the settings that the Makefile exports",
    outcome="loopback, one origin, tokens for writes, no telemetry",
)
def test_the_makefile_sets_the_safe_values() -> None:
    found = makefile_environment()
    assert found["PREFECT_SERVER_API_HOST"] == "127.0.0.1"
    assert found["PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS"] == f"http://127.0.0.1:{found['PREFECT_SERVER_API_PORT']}"
    assert found["PREFECT_SERVER_CSRF_PROTECTION_ENABLED"] == "true"
    assert found["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"
    assert found["DO_NOT_TRACK"] == "1"
    assert "--with-healthcheck" not in (ROOT / "Makefile").read_text(), "its port listens on every address"


def pins() -> dict[str, str]:
    lines = [line.partition("#")[0].strip() for line in (ROOT / "constraints.txt").read_text().splitlines()]
    return {canonicalize_name(name): version for name, _, version in (line.partition("==") for line in lines if line)}


def needed() -> dict[str, str]:
    """Every package that `seqcls[dev]` brings, with the version that is installed."""
    found: dict[str, str] = {}
    waiting = [("seqcls", frozenset({"dev", "postgres"}))]
    while waiting:
        name, extras = waiting.pop()
        distribution = importlib.metadata.distribution(name)
        for text in distribution.requires or []:
            requirement = Requirement(text)
            wanted = requirement.marker is None or any(
                requirement.marker.evaluate({"extra": extra}) for extra in extras | {""}
            )
            key = canonicalize_name(requirement.name)
            if wanted and key != "seqcls" and key not in found:
                found[key] = importlib.metadata.version(key)
                waiting.append((key, frozenset(requirement.extras)))
    return found


@pytest.mark.fault(
    "A11",
    tried="a dependency, or a dependency of one, that constraints.txt leaves open",
    outcome="there is none: each of them is pinned to one version, the one that is installed and tested",
)
def test_every_package_is_pinned_to_the_version_that_is_tested() -> None:
    installed, pinned = needed(), pins()
    assert len(installed) > 100
    assert sorted(installed.keys() - pinned.keys()) == []
    wrong = {
        name: (version, pinned[name])
        for name, version in installed.items()
        if version.partition("+")[0] != pinned[name].partition("+")[0]
    }
    assert wrong == {}


@pytest.mark.fault(
    "A11",
    tried="an index that offers a later version of a package that we need, with a setup.py that runs code",
    outcome="with constraints.txt pip refuses it before it builds anything; without, the code would run",
)
def test_a_later_version_from_elsewhere_is_not_taken(tmp_path: Path) -> None:
    canary, name = tmp_path / "canary", "annotated-doc"
    source = f"import pathlib, setuptools; pathlib.Path({str(canary)!r}).touch(); setuptools.setup()\n"
    files = {"setup.py": source, "PKG-INFO": f"Metadata-Version: 2.1\nName: {name}\nVersion: 99.0.0\n"}
    (tmp_path / "index").mkdir()
    with tarfile.open(tmp_path / "index" / "annotated_doc-99.0.0.tar.gz", "w:gz") as archive:
        for file, text in files.items():
            member = tarfile.TarInfo(f"annotated_doc-99.0.0/{file}")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    pip = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-index", "--no-build-isolation",
           "--disable-pip-version-check", "--find-links", str(tmp_path / "index"), "-d", str(tmp_path),
           name]  # fmt: skip
    done = subprocess.run([*pip, "-c", str(ROOT / "constraints.txt")], capture_output=True, text=True)
    assert done.returncode != 0
    assert f"{name}=={pins()[name]}" in done.stdout + done.stderr
    assert not canary.exists()
    subprocess.run(pip, capture_output=True)
    assert canary.exists(), "the control: without the constraints its setup.py runs"


def locked() -> dict[str, list[str]]:
    """`name==version` and its lines in requirements.lock."""
    found: dict[str, list[str]] = {}
    pin = ""
    for line in (ROOT / "requirements.lock").read_text().splitlines():
        if line.startswith("    --hash=sha256:"):
            found[pin].append(line)
        elif not line.startswith("#"):
            pin = line.removesuffix(" \\")
            found[pin] = []
    return found


@pytest.mark.fault(
    "A11",
    tried="a package of constraints.txt without a hash in requirements.lock, or with another version there",
    outcome="there is none",
)
def test_every_pin_has_its_hashes() -> None:
    with_hashes = {canonicalize_name(name): version for name, _, version in (pin.partition("==") for pin in locked())}
    assert with_hashes == pins()
    assert all(locked().values())


@pytest.mark.fault(
    "A11",
    tried="a wheel of the right name and version with other contents, from an index that is trusted",
    outcome="with requirements.lock pip refuses it: the hashes do not match; without, it would be installed",
)
def test_a_tampered_wheel_of_the_same_version_is_refused(tmp_path: Path) -> None:
    pin = f"annotated-doc=={pins()['annotated-doc']}"
    name = pin.replace("-", "_").replace("==", "-")
    with zipfile.ZipFile(tmp_path / f"{name}-py3-none-any.whl", "w") as wheel:
        wheel.writestr("annotated_doc/__init__.py", "canary = True\n")
        wheel.writestr(
            f"{name}.dist-info/METADATA", f"Metadata-Version: 2.1\nName: annotated-doc\nVersion: {name[14:]}\n"
        )
        wheel.writestr(f"{name}.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{name}.dist-info/RECORD", "")
    (tmp_path / "lock.txt").write_text(" \\\n".join([pin, *(line.removesuffix(" \\") for line in locked()[pin])]))
    pip = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "--disable-pip-version-check",
           "--find-links", str(tmp_path), "--target", str(tmp_path / "there")]  # fmt: skip
    done = subprocess.run([*pip, "--require-hashes", "-r", str(tmp_path / "lock.txt")], capture_output=True, text=True)
    assert done.returncode != 0
    assert "DO NOT MATCH THE HASHES" in done.stderr
    assert not (tmp_path / "there").exists()
    subprocess.run([*pip, pin], check=True, capture_output=True)
    assert (tmp_path / "there" / "annotated_doc" / "__init__.py").is_file(), "the control: without hashes it is taken"


class Tags(HTMLParser):
    """Tags and attributes of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


SCRIPT = "<script>document.title='canary'</script>"
IMAGE = '"><img src=x onerror=alert(1)>'
FILE = "<img src=x onerror=alert(2)>.csv"
LINK = "[click](javascript:alert(3))|x`"


@pytest.mark.fault(
    "A12",
    tried="HTML, scripts and Markdown in classes, ids and file names, through a whole training",
    outcome="report, model card and the tables of the user interface show them as text; no tag and no link of theirs",
)
def test_names_from_outside_are_text_in_every_page(tmp_path: Path, nursery: Nursery) -> None:
    rows = "".join(
        f"{IMAGE.replace(chr(34), chr(39))}{n},{' '.join(WORDS[n % 5 + (n % 2) : n % 5 + 4])},{(SCRIPT, LINK)[n % 2]}\n"
        for n in range(80)
    )
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / FILE).write_text("id,sequence,label\n" + rows + "bad,,\n")
    config = tmp_path / "names.toml"
    config.write_text(
        'name = "names"\nkind = "tokens"\n[source]\nformat = "csv"\nfiles = ["data/*"]\nid = "id"\n'
        '[model]\nfamily = "cnn"\nembedding = 8\n[train]\nepochs = 1\nthreads = 1\n[rules]\nreject_budget = 0.1\n'
    )
    done = nursery.run("train", config)
    assert done.status == 0, done.text
    artefacts = {ref.kind: ref for ref in ArtefactStore(tmp_path / "store").all()}
    page = (artefacts["evaluation"].folder / "report.html").read_text()
    check_nothing_runs(Tags(page).found)
    assert "&lt;script&gt;" in page
    card = (artefacts["evaluation"].folder / "model_card.md").read_text()
    for text in (card.rpartition("---\n")[2], checks_table(read_checks(artefacts["checked"])), escape(FILE + LINK)):
        check_nothing_runs(Tags(MarkdownIt("commonmark").enable("table").render(text)).found)
        assert not re.search(r"(?<!\\)\[click\]\(", text)


def check_nothing_runs(tags: list[tuple[str, dict[str, str | None]]]) -> None:
    for tag, attributes in tags:
        assert tag not in {"script", "iframe", "object", "embed", "link"}, tag
        assert not [name for name in attributes if name.startswith("on")], attributes
        for name in ("href", "src", "xlink:href"):
            assert (attributes.get(name) or "#").startswith(("#", "data:image/svg")), attributes
