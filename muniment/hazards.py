"""What settings must not be together: each hazard is one sentence that says what to do instead."""

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from agents.mail import Mail, MailRefused
from muniment.addresses import is_loopback
from muniment.documents import Documents, DocumentsError
from muniment.proxies import ProxiesRefused, TrustedProxies
from storage.ledger.buckets import Bucket, BucketRefused
from storage.ledger.envelopes import SecretRefused, secrets_of
from storage.ledger.witnesses import PolicyRefused, WitnessPolicy

if TYPE_CHECKING:
    from muniment.settings import Settings
    from storage.database import Reach

_KEY_FILE = (
    "MUNIMENT_KEK_URI names a key file on this machine, which is for development: in production name a key in a key"
    " management service."
)
_DATABASE, _KEYS = "MUNIMENT_DATABASE_URL", "MUNIMENT_KEY_STORE_URL"
_UNVERIFIED = "{} reaches PostgreSQL over the network unverified: add sslmode=verify-full to it."
_ORIGIN = re.compile(r"https?://[a-z0-9.\-\[\]:]+")


def everywhere(told: "Settings") -> list[str]:
    """What is refused in development too."""
    found = []
    if (told.tls_cert is None) != (told.tls_key is None):
        found.append("MUNIMENT_TLS_CERT and MUNIMENT_TLS_KEY go together: set both, or neither.")
    for name, file in (("MUNIMENT_TLS_CERT", told.tls_cert), ("MUNIMENT_TLS_KEY", told.tls_key)):
        if file is not None and not file.is_file():
            found.append(f"{name} names a file that is not there.")
    if told.blob_endpoint is not None and told.blob_url is None:
        found.append("MUNIMENT_BLOB_ENDPOINT is where a bucket is: name the bucket with MUNIMENT_BLOB_URL.")
    endpoint = urlsplit(told.blob_endpoint or "")
    if endpoint.scheme == "http" and not is_loopback(endpoint.hostname or ""):
        found.append("MUNIMENT_BLOB_ENDPOINT would send files and credentials unprotected: use an https address.")
    if told.documents_only and told.documents is None:
        found.append("MUNIMENT_DOCUMENTS_ONLY would let nothing run: name the documents with MUNIMENT_DOCUMENTS.")
    try:
        Documents.load(told.documents)
    except DocumentsError as error:
        found.append(str(error))
    if not all(_ORIGIN.fullmatch(origin) for origin in told.origins):
        found.append(
            "MUNIMENT_ORIGINS takes origins, as https://app.example.org, without path or *: separate with commas."
        )
    if _place(told.database_url) == _place(told.key_store_url):
        found.append("Keys and data share one database: give MUNIMENT_KEY_STORE_URL a database of its own.")
    if (told.webhook_url is None) != (told.webhook_secret is None):
        found.append("MUNIMENT_WEBHOOK_URL and MUNIMENT_WEBHOOK_SECRET go together: set both, or neither.")
    if (told.smtp_url is None) != (told.mail_from is None):
        found.append("MUNIMENT_SMTP_URL and MUNIMENT_MAIL_FROM go together: set both, or neither.")
    elif told.smtp_url is not None and told.mail_from is not None:
        try:
            Mail.at(told.smtp_url.get_secret_value(), told.mail_from)
        except MailRefused as refused:
            found.append(f"MUNIMENT_SMTP_URL and MUNIMENT_MAIL_FROM can't be used: {refused}.")
    if (told.oidc_issuer is None) != (told.oidc_audience is None):
        found.append("MUNIMENT_OIDC_ISSUER and MUNIMENT_OIDC_AUDIENCE go together: set both, or neither.")
    if told.oidc_issuer is None and (told.oidc_access_audience is not None or told.oidc_clients):
        found.append("MUNIMENT_OIDC_ACCESS_AUDIENCE and MUNIMENT_OIDC_CLIENTS need MUNIMENT_OIDC_ISSUER: set it too.")
    issuer = urlsplit(told.oidc_issuer or "")
    if issuer.scheme == "http" and (told.production or not is_loopback(issuer.hostname or "")):
        found.append("MUNIMENT_OIDC_ISSUER would have its keys fetched unprotected: use an https address.")
    if told.webhook_secret is not None:
        try:
            secrets_of(told.webhook_secret.get_secret_value())
        except SecretRefused as refused:
            found.append(f"MUNIMENT_WEBHOOK_SECRET can't be used: {refused}.")
    if told.ledger_store is not None:
        try:
            Bucket.at(told.ledger_store, inside_too=not told.production)
        except BucketRefused as refused:
            found.append(f"MUNIMENT_LEDGER_STORE can't be used: {refused}.")
    return found + _of_witnesses(told) + _of_backups(told) + _of_proxies(told)


def _of_proxies(told: "Settings") -> list[str]:
    try:
        proxies = TrustedProxies(told.trusted_proxies)
        if told.production:
            proxies.require_narrow()
    except ProxiesRefused as refused:
        return [f"MUNIMENT_TRUSTED_PROXIES can't be used: {refused}."]
    return []


def _of_backups(told: "Settings") -> list[str]:
    said = (told.backup_dir, told.key_backup_dir, told.backup_recipient)
    if told.backup_dir is None or told.key_backup_dir is None or told.backup_recipient is None:
        if any(said):
            return [
                "MUNIMENT_BACKUP_DIR, MUNIMENT_KEY_BACKUP_DIR and MUNIMENT_BACKUP_RECIPIENT go together: set all, or"
                " none."
            ]
        return []
    from storage.archives import recipients

    found = []
    data, keys = told.backup_dir.resolve(), told.key_backup_dir.resolve()
    if data.is_relative_to(keys) or keys.is_relative_to(data):
        found.append("MUNIMENT_KEY_BACKUP_DIR lies with the data that its keys open: give it a place of its own.")
    try:
        recipients.checked(told.backup_recipient)
    except recipients.RecipientRefused as refused:
        found.append(f"MUNIMENT_BACKUP_RECIPIENT can't be used: {refused}.")
    return found


def _of_witnesses(told: "Settings") -> list[str]:
    if told.witness_policy is None:
        return []
    try:
        policy = WitnessPolicy.load(told.witness_policy)
    except PolicyRefused as refused:
        return [f"MUNIMENT_WITNESS_POLICY can't be used: {refused}."]
    addressed = {each.name: each.url for each in policy.witnesses.values() if each.url is not None}
    found = []
    if not policy.is_met(addressed):
        found.append(
            "MUNIMENT_WITNESS_POLICY requires witnesses that it gives no address for, so nothing could ever be"
            " published: add theirs, as in `witness NAME KEY https://witness.example/`."
        )
    if told.production and not all(url.startswith("https://") for url in addressed.values()):
        found.append("MUNIMENT_WITNESS_POLICY reaches a witness unverified: use https addresses.")
    return found


def in_production(told: "Settings") -> list[str]:
    """What production refuses on top of that."""
    found = []
    if not is_loopback(told.host) and told.tls_cert is None and not told.tls_terminated_upstream:
        found.append(
            "MUNIMENT_HOST opens the server to other machines without encryption: set MUNIMENT_TLS_CERT and"
            " MUNIMENT_TLS_KEY, or MUNIMENT_TLS_TERMINATED_UPSTREAM=true if a proxy in front ends TLS."
        )
    if told.insecure:
        found.append(_KEY_FILE)
    if told.policy_watch:
        found.append(
            "MUNIMENT_POLICY_WATCH lets one person change who may do what: unset it. In production one proposes"
            " a policy and another one confirms it (reloadPolicy)."
        )
    keys, data = file_of(told.key_store_url), file_of(told.database_url)
    if keys and any(
        keys.is_relative_to(place.resolve()) for place in (told.home, told.blob_dir, *([data.parent] if data else []))
    ):
        found.append(
            "The key store lies beside the data, so one copied disk or backup holds both: set MUNIMENT_KEY_STORE_URL to"
            " a place outside MUNIMENT_HOME, on storage that is backed up apart."
        )
    if not keys and not data and _login(told.key_store_url) == _login(told.database_url):
        found.append(
            "Keys and data are reached with the same login of one PostgreSQL server, so whoever has one has both: give"
            " MUNIMENT_KEY_STORE_URL a user of its own."
        )
    if data and told.ledger_store is None and told.ledger_dir.resolve().is_relative_to(data.parent):
        found.append(
            "The ledger's checkpoints lie beside the database, so a restored backup would take them back with it: set"
            " MUNIMENT_LEDGER_DIR to a place of its own."
        )
    for name, url in ((_DATABASE, told.database_url), (_KEYS, told.key_store_url)):
        if _in_clear(url):
            found.append(_UNVERIFIED.format(name))
    public = urlsplit(told.public_url)
    said = "public_url" in told.model_fields_set  # else it follows the host, of which more is said above
    if said and public.scheme != "https" and not is_loopback(public.hostname or ""):
        found.append("MUNIMENT_PUBLIC_URL would hand out links that are followed in clear: use an https address.")
    for origin in map(urlsplit, told.origins):
        if origin.scheme != "https" and not is_loopback(origin.hostname or ""):
            found.append("MUNIMENT_ORIGINS names a page that comes in clear and can be replaced on the way: use https.")
            break
    model = urlsplit(told.model_url or "")
    if model.scheme == "http" and not is_loopback(model.hostname or ""):
        found.append("MUNIMENT_MODEL_URL would send contributors' work in clear: use an https address.")
    traces = urlsplit(told.traces_url or "")
    if traces.scheme == "http" and not is_loopback(traces.hostname or ""):
        found.append("MUNIMENT_TRACES_URL would tell in clear what is done here and when: use an https address.")
    limits = urlsplit(told.limits_url or "")
    if limits.scheme in ("redis", "valkey") and not is_loopback(limits.hostname or "localhost"):
        found.append("MUNIMENT_LIMITS_URL would send its password in clear: use a rediss:// or valkeys:// address.")
    if told.webhook_url is not None and urlsplit(told.webhook_url).scheme != "https":
        found.append("MUNIMENT_WEBHOOK_URL would tell the audit trail in clear: use an https address.")
    return found


class NotForProduction(Exception):
    """What was opened is not safe enough for production; the message says what to set."""


def demand_secure(*, insecure_key: bool, database: "Reach", keys: "Reach") -> None:
    """Raise NotForProduction for a key or a connection that production refuses, however its address is written."""
    found = [_KEY_FILE] if insecure_key else []
    for name, reach in ((_DATABASE, database), (_KEYS, keys)):
        if reach.address is not None and not is_loopback(reach.address) and not reach.verified:
            found.append(_UNVERIFIED.format(name))
    if found:
        raise NotForProduction("\n".join(found))


def file_of(url: str) -> Path | None:
    """The file of an SQLite URL, links followed; None for a server's."""
    scheme, _, rest = url.partition(":///")
    if not scheme.lower().startswith("sqlite"):
        return None
    return Path(rest.partition("?")[0].removeprefix("file:")).resolve()


def _place(url: str) -> object:
    """What tells two databases apart: the file, or the server and the database's name. Credentials do not."""
    if file := file_of(url):
        return file
    return (*_server(url), urlsplit(url).path)


def _login(url: str) -> object:
    parts = urlsplit(url)
    return (*_server(url), parts.username or parse_qs(parts.query).get("user", [""])[0])


def _server(url: str) -> tuple[str, str]:
    """Host and port, however they are said."""
    parts = urlsplit(url)
    query = parse_qs(parts.query)
    host = ",".join(_hosts(url))
    port = parts.netloc.rpartition("@")[2].rpartition(":")[2] if parts.hostname else query.get("port", [""])[0]
    return "localhost" if is_loopback(host) else host, port if port.isdigit() else "5432"


def _hosts(url: str) -> list[str]:
    """Every host that libpq may connect to: it takes lists, and parameters of the query before what stands in front."""
    parts = urlsplit(url)
    query = parse_qs(parts.query)
    named = [*query.get("hostaddr", []), *query.get("host", [])] or [parts.hostname or ""]
    environment = () if any(named) else ("PGHOSTADDR", "PGHOST")
    named += [os.environ.get(variable, "") for variable in environment]
    return [host for each in named for host in each.split(",") if host]


def _in_clear(url: str) -> bool:
    parts = urlsplit(url)
    if not parts.scheme.startswith("postgres"):
        return False
    query = parse_qs(parts.query)
    if "service" in query or ("PGSERVICE" in os.environ and not _hosts(url)):
        return query.get("sslmode") != ["verify-full"]  # a file that is read later says where it leads
    over_network = any(not host.startswith("/") and not is_loopback(host) for host in _hosts(url))
    return over_network and query.get("sslmode") != ["verify-full"]
