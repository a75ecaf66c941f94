"""The container and compose files, held against what they speak of: nothing builds or starts them here, so each line is looked at."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from muniment.settings import Settings
from muniment.variables import load
from tests.contract.source import ROOMS
from tests.deployed import COMPOSE, DEPLOY
from tests.world import ROOT

OBSERVING = yaml.safe_load((DEPLOY / "compose.observing.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = {**COMPOSE["services"], "collector": OBSERVING["services"]["collector"]}
OURS = ("api", "agents", "layout")
ONCE = ("layout", "kek", "bucket")
SILENT = ("agents", "collector", *ONCE)
"""What answers nobody, or comes without anything to ask it with."""
SAID = {"MUNIMENT_PUBLIC_URL": "https://api.example.org", "MUNIMENT_ORIGIN": "muniment.example.org"}
PINNED = re.compile(r"[a-z0-9.-]+(?:/[a-z0-9._-]+)+:[0-9][A-Za-z0-9._-]*(?:@sha256:[0-9a-f]{64})?")


@pytest.fixture
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in [name for name in os.environ if name.startswith("MUNIMENT_")]:
        monkeypatch.delenv(name)
    return monkeypatch


def filled(value: str) -> str:
    """As compose replaces `${NAME:?…}`."""
    return re.sub(r"\$\{(\w+):\?[^}]*\}", lambda found: SAID[found[1]], value)


def mounted(service: dict[str, Any]) -> list[tuple[str, str]]:
    """The secrets of a service: the name, and where it finds the file."""
    found = []
    for each in service.get("secrets", []):
        name, target = (each, each) if isinstance(each, str) else (each["source"], each["target"])
        found.append((name, target if target.startswith("/") else f"/run/secrets/{target}"))
    return found


def source_of(secret: str) -> str:
    return str({**COMPOSE["secrets"], **OBSERVING["secrets"]}[secret]["file"]).removeprefix("./")


def settings_of(service: str, place: Path, patch: pytest.MonkeyPatch) -> Settings:
    """What a process of this service reads its settings as."""
    environment = {name: filled(value) for name, value in SERVICES[service]["environment"].items()}
    where = {target: place / source_of(name) for name, target in mounted(SERVICES[service])}
    environment["MUNIMENT_SETTINGS"] = str(where[environment["MUNIMENT_SETTINGS"]])
    for name, value in environment.items():
        if name.startswith("MUNIMENT_"):
            patch.setenv(name, value)
    return load()


@pytest.mark.parametrize(("service", "login"), [("api", "api"), ("agents", "agents"), ("layout", "owner")])
def test_each_process_starts_from_settings_that_production_takes(
    prepared: tuple[Path, dict[str, str]], nothing_set: pytest.MonkeyPatch, service: str, login: str
) -> None:
    """Every name is one of ours, nothing is unsafe, each has a login of its own, and the keys' is another's."""
    told = settings_of(service, prepared[0], nothing_set)
    assert told.production
    assert told.database_url.startswith(f"postgresql+psycopg://muniment_{login}:")
    assert told.key_store_url.startswith("postgresql+psycopg://muniment_keys:")
    assert (told.limits_url or "").startswith("unix://muniment:")
    targets = {each["target"] for each in SERVICES[service]["volumes"]}
    for url in (told.database_url, told.key_store_url):
        assert url.partition("?host=")[2] in targets
    assert str(Path((told.limits_url or "").partition("@")[2]).parent) in targets
    assert {str(told.home), str(told.ledger_dir)} <= targets
    assert told.kek_uri.split("/")[2] == "openbao:8200"
    assert (told.blob_url, told.blob_endpoint) == ("s3://muniment/files", "https://files:8333")
    environment = SERVICES[service]["environment"]
    places = {target for _, target in mounted(SERVICES[service])}
    assert {
        environment[name] for name in ("SECRETS_FILE", "VAULT_CACERT", "SSL_CERT_FILE", "MUNIMENT_SETTINGS")
    } <= places
    assert f"{told.home}/.vault-token" in places


def test_traces_go_to_the_collector_unharmed(
    prepared: tuple[Path, dict[str, str]], nothing_set: pytest.MonkeyPatch
) -> None:
    """The further file adds a setting that production takes too."""
    for name, value in OBSERVING["services"]["api"]["environment"].items():
        nothing_set.setenv(name, value)
    assert settings_of("api", prepared[0], nothing_set).traces_url == "https://collector:4318/v1/traces"


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_no_container_may_more_than_it_must(name: str) -> None:
    """Nobody is root, nothing is written but where it is said, no right is there to be gained, and images have versions."""
    service = SERVICES[name]
    assert re.fullmatch(r"[1-9][0-9]*:[1-9][0-9]*", service["user"])
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"] and "cap_add" not in service and "privileged" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert PINNED.fullmatch(service["image"]) or (name in OURS and service["image"] == "muniment:1")
    assert service["restart"] == ("no" if name in ONCE else "unless-stopped")
    test = service.get("healthcheck", {}).get("test")
    assert (test is None) == (name in SILENT)
    for each in service.get("volumes", []):
        writable = each["source"].startswith("./var/") or each["target"] in ("/recovery", "/var/run/postgresql")
        writable = writable or (name == "limits" and each["target"] == "/run/limits")
        assert each.get("read_only", False) is not writable, each
        assert "docker.sock" not in each["source"]


def test_nothing_is_reached_from_outside_but_the_api_on_loopback() -> None:
    """Databases and limits have no network at all, keys and files one without a way out, and the API two ports of this machine."""
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published == {"api": ["127.0.0.1:8000-8001:8000"]}
    assert SERVICES["api"]["deploy"]["replicas"] == 2
    assert {name for name, each in SERVICES.items() if each.get("network_mode") == "none"} == {
        "database",
        "keys",
        "limits",
    }
    assert COMPOSE["networks"]["inside"] == {"internal": True}
    assert {name for name, each in SERVICES.items() if "outside" in each.get("networks", [])} == {*OURS, "collector"}
    for name in ("database", "keys"):
        assert "listen_addresses=" in SERVICES[name]["command"]
    assert str(SERVICES["api"]["environment"]["MUNIMENT_PORT"]) == "8000"


def test_each_secret_is_made_and_belongs_to_whoever_reads_it(prepared: tuple[Path, dict[str, str]]) -> None:
    """A file that two users read is one that tells nothing; everything else is readable by one alone."""
    place, owners = prepared
    readers: dict[str, set[str]] = {}
    for service in SERVICES.values():
        for name, _ in mounted(service):
            readers.setdefault(source_of(name), set()).add(service["user"])
    assert set(readers) == {
        path.relative_to(place).as_posix() for path in (place / "secrets").rglob("*") if path.is_file()
    }
    for path, users in readers.items():
        mode = (place / path).stat().st_mode & 0o777
        if mode == 0o444:
            assert path in ("secrets/ca/ca.pem", "secrets/ca/ca-bundle.pem")
        else:
            assert (mode, users) == (0o400, {owners[path]}), path
    for name, service in SERVICES.items():
        for each in service.get("volumes", []):
            if each["type"] == "bind":
                assert (place / each["source"]).exists(), (name, each)
                if each["source"].startswith("./var/"):
                    assert owners[each["source"].removeprefix("./")] == service["user"]
    assert not list((place / "secrets").rglob("authority*")), (
        "whoever has the authority's key can be any of the services"
    )
    assert b"PRIVATE" not in (place / "secrets" / "ca" / "ca-bundle.pem").read_bytes()


def test_prepare_refuses_whoever_can_not_give_files_away(tmp_path: Path) -> None:
    """Without root it says so, and makes nothing."""
    shutil.copy(DEPLOY / "prepare", tmp_path / "prepare")
    (tmp_path / "id").write_text("#!/bin/sh\necho 1000\n")
    (tmp_path / "id").chmod(0o755)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run([tmp_path / "prepare"], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "sudo" in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["id", "prepare"]


def instructions() -> list[tuple[str, str]]:
    """The container file's, each with its rest, in order."""
    lines = re.sub(r"\\\n\s*", " ", (DEPLOY / "Containerfile").read_text()).splitlines()
    return [(line.split(" ", 1)[0], line.split(" ", 1)[1]) for line in lines if line and not line.startswith("#")]


def test_the_container_file_keeps_to_the_rules() -> None:
    """What hadolint asks for, of what is used here: versions, one user who is not root, no shell around the process, hashes."""
    told = instructions()
    kinds = [kind for kind, _ in told]
    assert ("ARG", "BASE=docker.io/library/python:3.12-slim-trixie") in told
    assert [rest for kind, rest in told if kind == "FROM"] == ["${BASE} AS build", "${BASE}"]
    assert "ADD" not in kinds and "VOLUME" not in kinds and "MAINTAINER" not in kinds
    assert kinds[kinds.index("USER") :] == ["USER", "EXPOSE", "ENTRYPOINT", "CMD"]
    last = dict(told)
    assert (last["USER"], last["EXPOSE"]) == ("10001:10001", SERVICES["api"]["environment"]["MUNIMENT_PORT"])
    assert last["ENTRYPOINT"].startswith("[") and last["CMD"].startswith("[")
    installs = [rest for kind, rest in told if kind == "RUN" and "pip install" in rest]
    assert len(installs) == 1
    for option in ("--no-cache-dir", "--no-deps", "--require-hashes", "--only-binary :all:"):
        assert option in installs[0]
    for lock in re.findall(r"-r (\S+)", installs[0]):
        pinned = re.findall(
            r"^([a-z0-9._-]+(?:\[[a-z0-9,-]+\])?)==[^\\]*\\?((?:\n\s+--hash=sha256:[0-9a-f]{64}[ \\]*)+)",
            (ROOT / lock).read_text(),
            re.MULTILINE,
        )
        named = re.findall(r"^[a-z0-9]\S*==", (ROOT / lock).read_text(), re.MULTILINE)
        assert len(pinned) == len(named) > 0, lock
    assert not [rest for kind, rest in told if kind == "RUN" and re.search(r"curl|wget|apt-get|sudo|chmod 777", rest)]
    for name in re.findall(r"MUNIMENT_(\w+)=", last["ENV"]):
        assert name.lower() in Settings.model_fields
    assert all(SERVICES[name]["user"] == last["USER"] for name in OURS)


def test_what_is_copied_into_the_image_is_enough_to_run(tmp_path: Path) -> None:
    """Laid out as the container file says, by its own entry point: every file of the rooms, a secret from its file, and nothing else."""
    allowed = {
        line.removeprefix("!")
        for line in (DEPLOY / "Containerfile.dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    for kind, rest in instructions():
        if kind != "COPY" or rest.startswith("--from"):
            continue
        *sources, target = rest.split(" ")
        for source in sources:
            assert source.rstrip("/") in allowed, f"{source} is not in what the build is given"
            into = tmp_path / target.removeprefix("/opt/muniment/")
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, into, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                into.mkdir(exist_ok=True, parents=True)
                shutil.copy(ROOT / source, into)
    (tmp_path / "secrets.env").write_text("SOME_SECRET=there\n")
    environment = {"PATH": os.environ["PATH"], "SECRETS_FILE": str(tmp_path / "secrets.env"), "HOME": str(tmp_path)}
    shown = [tmp_path / "with-secrets", sys.executable, "-c", "import os; print(os.environ['SOME_SECRET'])"]
    assert subprocess.run(shown, env=environment, capture_output=True, text=True, check=True).stdout == "there\n"
    helped = [tmp_path / "with-secrets", sys.executable, "-m", "muniment", "--help"]
    done = subprocess.run(helped, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert "Run the agents alone" in done.stdout
    tracked = ["git", "ls-files", *ROOMS, "policy.polar"]
    listed = subprocess.run(tracked, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    assert [path for path in listed if not (tmp_path / path).is_file()] == []
    assert not (tmp_path / "tests").exists()
