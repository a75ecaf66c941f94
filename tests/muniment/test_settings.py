"""Settings: complete by default, refused when misspelt or unsafe, silent about values."""

from pathlib import Path
from typing import Any

import pytest

from muniment import hazards
from muniment.settings import Settings
from muniment.variables import FILE, SettingsError, load
from storage.database import Reach, open_engine, reach_of
from tests.services.witness import Witness

SECRET = "hunter2-do-not-show"

SAFE_PRODUCTION = {
    "env": "production",
    "kek_uri": "aws-kms://arn:aws:kms:eu-west-1:1:key/2",
    "database_url": "postgresql+psycopg://app@db.example/muniment?sslmode=verify-full",
    "key_store_url": "postgresql+psycopg://keys@vault.example/keys?sslmode=verify-full",
}


def refusal(**overrides: Any) -> list[str]:
    """The sentences with which these settings are refused."""
    with pytest.raises(SettingsError) as refused:
        load(**overrides)
    return refused.value.sentences


def test_defaults_keep_data_and_keys_apart_under_one_home(tmp_path: Path) -> None:
    """Without a word, everything lies under the home, with keys in a directory of their own, on loopback."""
    settings = load(home=tmp_path)
    assert settings.database_url == f"sqlite:///{tmp_path}/data/muniment.sqlite3"
    assert settings.blob_dir == tmp_path / "data" / "blobs"
    assert settings.key_store_url == f"sqlite:///{tmp_path}/keys/keys.sqlite3"
    assert settings.kek_uri == f"insecure-local://{tmp_path}/keys"
    assert settings.public_url == "http://127.0.0.1:8000"


def test_settings_never_change_once_made() -> None:
    """A process can't be talked into other settings half way."""
    with pytest.raises(ValueError, match="frozen"):
        load().port = 1


def test_command_line_wins_over_environment_and_unsaid_options_leave_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was typed counts most; an option that was not given says nothing."""
    monkeypatch.setenv("MUNIMENT_PORT", "9000")
    assert load(port=None).port == 9000
    assert load(port=9001).port == 9001


@pytest.mark.parametrize("name", ["MUNIMENT_PORT", "muniment_port", "Muniment_Port"])
def test_a_single_variable_is_heard_however_its_name_is_written(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """The environment is asked where it names anything of ours, in capitals or not."""
    monkeypatch.setenv(name, "9000")
    assert load().port == 9000
    monkeypatch.delenv(name)
    assert load().port == 8000


@pytest.mark.parametrize(
    ("misspelt", "meant"), [("MUNIMENT_PROT", "MUNIMENT_PORT"), ("MUNIMENT_DATABSE_URL", "MUNIMENT_DATABASE_URL")]
)
def test_misspelt_variable_is_refused_with_the_nearest_name(
    monkeypatch: pytest.MonkeyPatch, misspelt: str, meant: str
) -> None:
    """A typo must not silently leave a default in force."""
    monkeypatch.setenv(misspelt, SECRET)
    assert refusal() == [f"{misspelt} (in the environment) is no setting of Muniment. Did you mean {meant}?"]


def test_settings_may_lie_in_a_file_and_the_environment_wins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A file of the same names is read; a variable overrides its line."""
    file = tmp_path / "settings"
    file.write_text("MUNIMENT_PORT=9000\nMUNIMENT_EXPORT_DAYS=3\n")
    monkeypatch.setenv(FILE, str(file))
    monkeypatch.setenv("MUNIMENT_PORT", "9001")
    assert (load().port, load().export_days) == (9001, 3)


def test_misspelt_line_of_the_file_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The file is held to the same names as the environment."""
    file = tmp_path / "settings"
    file.write_text("MUNIMENT_EXPORT_DAY=3\n")
    monkeypatch.setenv(FILE, str(file))
    assert refusal() == [
        "MUNIMENT_EXPORT_DAY (in the file) is no setting of Muniment. Did you mean MUNIMENT_EXPORT_DAYS?"
    ]


def test_missing_settings_file_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A file that was named but is not there is a mistake, not an empty file."""
    monkeypatch.setenv(FILE, str(tmp_path / "absent"))
    assert refusal() == [f"{FILE} names a file that is not there."]


def test_wrong_value_is_refused_without_being_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sentence names the variable, says what is expected, and repeats no value."""
    monkeypatch.setenv("MUNIMENT_PORT", SECRET)
    (sentence,) = refusal()
    assert sentence.startswith("MUNIMENT_PORT can't be used: input should be a valid integer")
    assert SECRET not in sentence


def test_showing_settings_shows_no_credential() -> None:
    """Addresses may carry passwords, and keys are keys: `repr` leaves them out."""
    settings = load(
        database_url=f"postgresql+psycopg://app:{SECRET}@localhost/a",
        key_store_url=f"postgresql+psycopg://app:{SECRET}@localhost/b",
        model_api_key=SECRET,
    )
    assert SECRET not in repr(settings)
    assert settings.model_api_key is not None
    assert settings.model_api_key.get_secret_value() == SECRET


def test_production_with_a_kms_tls_and_separate_databases_is_accepted() -> None:
    """The refusals below are not a wall: a sound set-up passes."""
    assert load(**SAFE_PRODUCTION).production


def test_production_refuses_the_key_file_of_development() -> None:
    """The stand-in for a key management service never guards real work."""
    (sentence,) = refusal(**SAFE_PRODUCTION | {"kek_uri": "insecure-local:///keys"})
    assert sentence.startswith("MUNIMENT_KEK_URI")


@pytest.mark.parametrize(
    "place", ["home/data/keys.sqlite3", "home/keys/keys.sqlite3", "db/keys.sqlite3", "blobs/k.sqlite3"]
)
def test_production_refuses_a_key_store_beside_the_data(tmp_path: Path, place: str) -> None:
    """Below the home, beside the database or among the blobs, one copied directory would hold keys and data."""
    (sentence,) = refusal(
        **SAFE_PRODUCTION
        | {
            "home": tmp_path / "home",
            "database_url": f"sqlite:///{tmp_path}/db/muniment.sqlite3",
            "blob_dir": tmp_path / "blobs",
            "key_store_url": f"sqlite:///{tmp_path}/{place}",
        }
    )
    assert sentence.startswith("The key store lies beside the data")


@pytest.mark.parametrize("env", ["development", "production"])
def test_one_database_for_keys_and_data_is_refused_everywhere(env: str) -> None:
    """Another user name does not make it another database."""
    (sentence,) = refusal(
        **SAFE_PRODUCTION
        | {"env": env, "key_store_url": str(SAFE_PRODUCTION["database_url"]).replace("app@", "other@")}
    )
    assert sentence.startswith("Keys and data share one database")


def test_one_database_is_one_however_its_server_is_called() -> None:
    """Loopback by name or by number, the port said or not."""
    here, there = "postgresql+psycopg://a@localhost/muniment", "postgresql+psycopg://b@127.0.0.1:5432/muniment"
    (sentence,) = refusal(database_url=here, key_store_url=there)
    assert sentence.startswith("Keys and data share one database")


def test_production_refuses_one_login_for_keys_and_data() -> None:
    """Two databases of one server, reached by the same user, fall together."""
    data = str(SAFE_PRODUCTION["database_url"])
    (sentence,) = refusal(**SAFE_PRODUCTION | {"key_store_url": data.replace("/muniment", "/keys")})
    assert sentence.startswith("Keys and data are reached with the same login")
    assert load(**SAFE_PRODUCTION | {"key_store_url": data.replace("/muniment", "/keys").replace("app@", "keys@")})


def test_production_refuses_a_second_key_of_development_too() -> None:
    """Moving away from a key file is done before production starts."""
    (sentence,) = refusal(**SAFE_PRODUCTION | {"second_kek_uri": "insecure-local:///keys"})
    assert sentence.startswith("MUNIMENT_KEK_URI")


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "example.org", "::"])  # noqa: S104
def test_other_machines_are_let_in_only_over_tls(host: str) -> None:
    """In production a bind beyond loopback needs a certificate, or the word that a proxy in front ends TLS."""
    (sentence,) = refusal(**SAFE_PRODUCTION | {"host": host, "tls_cert": None, "tls_key": None})
    assert sentence.startswith("MUNIMENT_HOST opens the server to other machines without encryption")
    assert load(host=host, tls_terminated_upstream=True).host == host


def test_certificate_without_key_is_refused(tmp_path: Path) -> None:
    """Half of TLS is none."""
    certificate = tmp_path / "cert.pem"
    certificate.touch()
    assert refusal(tls_cert=certificate) == [
        "MUNIMENT_TLS_CERT and MUNIMENT_TLS_KEY go together: set both, or neither."
    ]


def test_an_issuer_has_an_audience_and_its_keys_come_over_https() -> None:
    """Half of it would take tokens meant for others; plain http is for the loopback in development."""
    both = {"oidc_issuer": "https://id.example.org", "oidc_audience": "muniment"}
    for half in both:
        (sentence,) = refusal(**{half: both[half]})
        assert sentence.startswith("MUNIMENT_OIDC_ISSUER and MUNIMENT_OIDC_AUDIENCE go together")
    plain, loopback = both | {"oidc_issuer": "http://id.example.org"}, both | {"oidc_issuer": "http://127.0.0.1:9400"}
    for told in (plain, SAFE_PRODUCTION | plain, SAFE_PRODUCTION | loopback):
        (sentence,) = refusal(**told)
        assert sentence.startswith("MUNIMENT_OIDC_ISSUER would have its keys fetched unprotected")
    assert load(**loopback).oidc_audience == load(**SAFE_PRODUCTION | both).oidc_audience == "muniment"


def test_production_refuses_postgresql_and_models_in_clear() -> None:
    """What leaves the machine leaves it encrypted, to a verified other end."""
    told = SAFE_PRODUCTION | {
        "database_url": "postgresql+psycopg://app@db.example/muniment",
        "model_url": "http://models.example/v1",
    }
    database, model = refusal(**told)
    assert database.startswith("MUNIMENT_DATABASE_URL reaches PostgreSQL over the network unverified")
    assert model.startswith("MUNIMENT_MODEL_URL would send contributors' work in clear")


@pytest.mark.parametrize("uri", ["Insecure-Local:///keys", "INSECURE-LOCAL:///keys", " insecure-local:///keys"])
def test_the_key_file_of_development_is_refused_however_it_is_spelled(uri: str) -> None:
    """A scheme has no case (RFC 3986, 3.1)."""
    (sentence,) = refusal(**SAFE_PRODUCTION | {"kek_uri": uri})
    assert sentence.startswith("MUNIMENT_KEK_URI")


@pytest.mark.parametrize(
    "place", ["{home}/../home/keys.sqlite3", "{link}/keys.sqlite3", "file:{link}/k.sqlite3?uri=true"]
)
def test_production_refuses_a_key_store_beside_the_data_by_another_path(tmp_path: Path, place: str) -> None:
    """Links and dots are followed first."""
    home, link = tmp_path / "home", tmp_path / "link"
    home.mkdir()
    link.symlink_to(home)
    there = "sqlite:///" + place.format(home=home, link=link)
    (sentence,) = refusal(**SAFE_PRODUCTION | {"home": home, "key_store_url": there})
    assert sentence.startswith("The key store lies beside the data")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://app:x@127.0.0.1/muniment?host=db.example",
        "postgresql+psycopg://app:x@127.0.0.1/muniment?hostaddr=192.0.2.1",
        "postgresql+psycopg://app:x@/muniment?host=/run/postgresql,db.example",
        "postgresql+psycopg://app:x@/muniment?host=/run/postgresql&host=db.example",
        "postgresql+psycopg://app:x@db.example/muniment?sslmode=require",
        "postgresql+psycopg://app:x@db.example/muniment?sslmode=verify-full&sslmode=disable",
        "postgresql+psycopg://app:x@/muniment?service=elsewhere",
        "PostgreSQL+psycopg://app:x@db.example/muniment",
    ],
)
def test_production_sees_where_postgresql_really_is(url: str) -> None:
    """Parameters of the address win over its host, and name several (libpq, "Connection URIs")."""
    (sentence,) = refusal(**SAFE_PRODUCTION | {"database_url": url})
    assert sentence.startswith("MUNIMENT_DATABASE_URL reaches PostgreSQL over the network unverified")


@pytest.mark.parametrize("variable", ["PGHOST", "PGHOSTADDR", "PGSERVICE"])
def test_production_sees_the_environment_of_postgresqls_client(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    """It says where a database is whose address does not."""
    url = "postgresql+psycopg://app:x@/muniment"
    assert load(**SAFE_PRODUCTION | {"database_url": url}).production
    monkeypatch.setenv(variable, "192.0.2.1")
    (sentence,) = refusal(**SAFE_PRODUCTION | {"database_url": url})
    assert sentence.startswith("MUNIMENT_DATABASE_URL reaches PostgreSQL over the network unverified")


def test_production_refuses_pages_and_links_in_clear() -> None:
    """Whoever can change a page on its way has the session of who reads it."""
    told = {"origins": "https://app.example.org,http://app.example.org", "public_url": "http://api.example.org"}
    public, origins = refusal(**SAFE_PRODUCTION | told)
    assert public.startswith("MUNIMENT_PUBLIC_URL")
    assert origins.startswith("MUNIMENT_ORIGINS")
    assert load(
        **SAFE_PRODUCTION | {"origins": "http://localhost:5173", "public_url": "http://127.0.0.1:8000"}
    ).production


def test_what_was_opened_is_judged_too() -> None:
    """A name can lead elsewhere than it says: the connection and the key themselves are asked."""
    here, there = Reach(None, verified=False), Reach("192.0.2.1", verified=False)
    hazards.demand_secure(insecure_key=False, database=here, keys=Reach("::1", verified=False))
    hazards.demand_secure(insecure_key=False, database=Reach("192.0.2.1", verified=True), keys=here)
    with pytest.raises(hazards.NotForProduction) as refused:
        hazards.demand_secure(insecure_key=True, database=there, keys=there)
    assert [line.split()[0] for line in str(refused.value).splitlines()] == [
        "MUNIMENT_KEK_URI",
        "MUNIMENT_DATABASE_URL",
        "MUNIMENT_KEY_STORE_URL",
    ]


def test_an_open_engine_says_where_it_leads(database_url: str) -> None:
    """A file and a socket of this machine have no address."""
    engine = open_engine(database_url)
    assert reach_of(engine) == Reach(None, verified=False)
    engine.dispose()


@pytest.mark.parametrize("scheme", ["redis", "valkey"])
def test_production_counts_with_other_machines_over_tls_only(scheme: str) -> None:
    """The password would go in clear; on this machine it goes nowhere. No sentence repeats it, nor does the value."""
    url = f"{scheme}://muniment:hunter2@limits.example"
    (sentence,) = refusal(**SAFE_PRODUCTION | {"limits_url": url})
    assert sentence.startswith("MUNIMENT_LIMITS_URL would send its password in clear")
    for fine in (
        url.replace("://", "s://"),
        url.replace("limits.example", "127.0.0.1:6379"),
        "unix:///run/valkey.sock",
    ):
        assert "hunter2" not in repr(load(**SAFE_PRODUCTION | {"limits_url": fine}))
    (sentence,) = refusal(limits_url="http://muniment:hunter2@limits.example")
    assert sentence.startswith("MUNIMENT_LIMITS_URL can't be used")
    assert "hunter2" not in sentence


def test_links_follow_host_port_and_tls_unless_a_public_address_is_set() -> None:
    """Links handed out lead where the server is reached."""
    assert load(host="::1", port=1234).public_url == "http://[::1]:1234"
    assert load(public_url="https://api.example/").public_url == "https://api.example"


def test_every_setting_has_a_sensible_default() -> None:
    """`make run` needs no file and no variable."""
    assert all(not field.is_required() for field in Settings.model_fields.values())


WITNESS = Witness("w.example/w", Path()).vkey


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        (None, "MUNIMENT_WITNESS_POLICY can't be used: the file can't be read."),
        ("quorum w", "MUNIMENT_WITNESS_POLICY can't be used: line 1: a name is used before it is given."),
        (f"witness w {WITNESS}\nquorum w", "MUNIMENT_WITNESS_POLICY requires witnesses that it gives no address for"),
        (f"witness w {WITNESS} http://w.example\nquorum w", "MUNIMENT_WITNESS_POLICY reaches a witness unverified"),
    ],
)
def test_a_witness_policy_that_could_not_work_is_refused(tmp_path: Path, policy: str | None, said: str) -> None:
    """Before anything starts, by its line; a required witness has an address, and in production a verified one."""
    file = tmp_path / "witnesses"
    if policy is not None:
        file.write_text(policy)
    (sentence,) = refusal(**SAFE_PRODUCTION, witness_policy=file)
    assert sentence.startswith(said)


def test_a_witness_policy_that_works_is_taken(tmp_path: Path) -> None:
    """With addresses for those who are required; others may be there for verifiers alone."""
    file = tmp_path / "witnesses"
    file.write_text(f"witness w {WITNESS} https://w.example/\nquorum w\n")
    assert load(**SAFE_PRODUCTION, witness_policy=file).witness_policy == file


@pytest.mark.parametrize("place", ["file:///var/ledger", "https://store.example/x", "s3://", "bucket"])
def test_an_object_store_is_named_as_one(place: str) -> None:
    """A directory has a setting of its own."""
    (sentence,) = refusal(**SAFE_PRODUCTION, ledger_store=place)
    assert sentence.startswith("MUNIMENT_LEDGER_STORE can't be used: an object store is named as s3://BUCKET/PREFIX")


def test_checkpoints_in_an_object_store_need_no_directory_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside the database a directory is refused in production, for a backup would take it along."""
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    beside = SAFE_PRODUCTION | {
        "database_url": f"sqlite:///{tmp_path}/db/muniment.sqlite3",
        "ledger_dir": tmp_path / "db" / "ledger",
    }
    (sentence,) = refusal(**beside)
    assert sentence.startswith("The ledger's checkpoints lie beside the database")
    assert load(**beside, ledger_store="s3://trail/of/ours").ledger_store == "s3://trail/of/ours"
