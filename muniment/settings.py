"""Settings: every value an operator can turn, and which of them are unsafe together.

`muniment.variables` reads them. Lower rooms never see this object: `muniment.app` hands them values.
"""

import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import quote, urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from muniment import hazards
from muniment.addresses import needs_local_ca, own_url

PREFIX = "MUNIMENT_"
MIB = 1024 * 1024


class Settings(BaseSettings):
    """One process's settings: frozen, complete, checked as a whole. Build it with `variables.load`."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid", hide_input_in_errors=True)

    env: Literal["development", "production"] = "development"
    home: Path = Path("var")
    """Holds `data/` and `keys/` wherever nothing else is said."""

    # Where it listens
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=1, le=65535)
    tls_cert: Path | None = None
    tls_key: Path | None = None
    tls_terminated_upstream: bool = False
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = ()
    """Addresses and networks of proxies whose `X-Forwarded-For` says who calls: `10.0.0.5,2001:db8::/64`."""
    public_url: str = Field(default_factory=own_url)
    """How clients reach this server. Links it hands out are paths, to be put behind this. No trailing slash."""

    # What it keeps, and where
    database_url: str = Field(
        default_factory=lambda told: f"sqlite:///{told['home']}/data/muniment.sqlite3", repr=False
    )
    blob_dir: Path = Field(default_factory=lambda told: told["home"] / "data" / "blobs")
    """Files that are whole lie here, and those that are being sent; sealed."""
    blob_url: str | None = Field(default=None, pattern=r"^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9._/-]*)?$")
    """`s3://BUCKET/PREFIX`: files that are whole lie there instead (docs/operations/files.md)."""
    blob_endpoint: str | None = Field(default=None, pattern=r"^https?://[A-Za-z0-9.:\[\]-]+$")
    """The address of an S3 that is not AWS's own."""
    blob_seconds: float = Field(default=30, gt=0, le=600)
    """How long a request to it may take."""
    key_store_url: str = Field(default_factory=lambda told: f"sqlite:///{told['home']}/keys/keys.sqlite3", repr=False)
    kek_uri: str = Field(
        default_factory=lambda told: f"insecure-local://{quote(str(told['home'] / 'keys'))}", repr=False
    )
    second_kek_uri: str | None = Field(default=None, repr=False)
    """A key-encryption key beside the first, while keysets move from one to the other (docs/operations/keys.md)."""
    kms_seconds: float = Field(default=5, gt=0, le=60)
    """How long a key management service is waited for before an operation that needs it is refused."""
    key_rotation_days: float = Field(default=365, gt=0, le=3650)
    """How old a key may get before `keys status` and `doctor` say that it is due."""
    rotate_keysets: bool = True
    """Whether the agents rotate keys that are due. The key-encryption key is rotated by hand, or by its service."""
    signing_overlap_days: float = Field(default=30, ge=0, le=365)
    """How long the key that signs the log signs on beside the one that takes over from it."""
    ledger_dir: Path = Field(default_factory=lambda told: told["home"] / "ledger")
    """Holds the newest checkpoint of the audit trail, outside the database: back it up apart, and never restore it."""
    ledger_store: str | None = None
    """An object store that holds it instead: s3://BUCKET/PREFIX, gs://… or az://…, by the provider's own variables."""
    archive_dir: Path = Field(default_factory=lambda told: told["home"] / "archive")
    """Holds the entries of the audit trail that are older than `audit_days`, to be checked like the log itself."""
    witness_policy: Path | None = None
    """Who cosigns checkpoints, and how many must before one is published: a file in the form of C2SP tlog-policy."""
    key_cache_seconds: float = Field(default=60, ge=0, le=600)
    """How long an unwrapped key stays in memory; on SQLite also how long others may still use a destroyed one."""

    policy_file: Path = Path("policy.polar")
    policy_approvals: Path = Path("policies/approvals.yaml")
    """Rights that a change of the policy may give, each named by somebody."""
    policy_accepted: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    """The SHA-256 of a policy file that takes the place of the one in force at the start of a release."""
    policy_watch: bool = False
    """Whether a policy file that is saved comes into force at once. Development only."""

    # How long things live
    session_hours: float = Field(default=12, gt=0, le=720)
    step_up_minutes: float = Field(default=10, gt=0, le=60)
    ticket_minutes: float = Field(default=15, gt=0, le=1440)
    idempotency_hours: float = Field(default=24, gt=0, le=720)
    """How long a mutation's answer is kept under its Idempotency-Key."""
    export_days: float = Field(default=7, gt=0, le=90)
    """The longest that an archive can be fetched before it is destroyed; a request may say less."""
    audit_days: float = Field(default=365, gt=0, le=3650)
    """How long the audit trail remembers who it was. Afterwards its entries, nameless, go to `archive_dir`."""
    retention_notice_days: float = Field(default=7, ge=1, le=14)
    """How long before it goes a contributor is told, of what goes by their own choice; a new choice waits that long."""
    data_backup_days: float | None = Field(default=None, ge=0, le=3650)
    """How long backups of the data are kept. Deletion certificates say so; unsaid, they say that it was not said."""
    key_backup_days: float | None = Field(default=None, ge=0, le=3650)
    """How long backups of the key store are kept: after that nothing that was deleted opens from any backup."""
    backup_dir: Path | None = None
    """Where backups of the data go each `backup_hours`, encrypted to `backup_recipient` (operations/backups.md)."""
    key_backup_dir: Path | None = None
    """Where those of the key store go: kept apart from the others, and for a shorter time."""
    backup_recipient: str | None = None
    backup_hours: float = Field(default=24, ge=0.25, le=168)
    access_grant_hours: float = Field(default=24, gt=0, le=168)
    """The longest that staff may ask to see a contributor's work."""
    service_notice_days: float = Field(default=14, ge=0, le=365)
    """How long contributors know of a service outside before anything is sent to it."""
    regions: Annotated[tuple[str, ...], NoDecode] = ()
    """Where services outside may work with data, as `EU,US`: one that works elsewhere too is sent nothing."""

    # How much is let in
    upload_limit_bytes: int = Field(default=2048 * MIB, gt=0)
    quota_bytes: int = Field(default=100 * 1024 * MIB, ge=0, lt=2**53)
    """How many bytes of files a contributor may have, announced ones among them (docs/operations/quotas.md)."""
    quota_files: int = Field(default=250_000, ge=0, lt=2**53)
    """How many files. `python -m muniment quota grant` gives one contributor other limits."""
    body_limit_bytes: int = Field(default=1 * MIB, gt=0)
    http_draft: bool = False
    """Whether statuses follow the 2026 draft of GraphQL over HTTP, rather than the audits of its reference suite."""
    threads: int = Field(default=8, ge=1, le=128)
    """Worker threads: how many operations run at once in this process."""
    threads_per_caller: int = Field(default_factory=lambda told: max(1, told["threads"] // 4), ge=1, le=128)
    """How many of them one caller may have at once; what comes beyond waits in the caller's own queue."""
    response_limit_bytes: int = Field(default=16 * MIB, ge=64 * 1024, le=1024 * MIB)
    """How large one response may be, or one event of a subscription. Downloads and exports are not counted."""

    operation_seconds: float = Field(default=60, gt=0, le=3600)
    """How long one operation may take; then it is stopped, and what it changed is rolled back."""
    cost_per_minute: int = Field(default=500_000, ge=1_000)
    """How much cost (see `extensions.cost` of any answer) one caller may ask for in a minute."""
    limits_url: str | None = Field(default=None, pattern=r"^(rediss?|valkeys?|unix)://[!-~]+$", repr=False)
    """A Redis or Valkey server where several processes count callers together (docs/operations/limits.md)."""
    prompts_waiting: int = Field(default=100, ge=1, le=10_000)
    """How many prompts of one contributor may be queued or running at a time (docs/operations/quotas.md)."""
    prompts_per_day: int = Field(default=2_000, ge=1, le=1_000_000)
    registrations_per_address: int = Field(default=100, ge=1, le=1_000_000)
    """Accounts that one address (of IPv6: one /64) may open within 15 minutes."""
    """How many prompts one contributor may submit within 24 hours."""
    exports_per_day: int = Field(default=48, ge=1, le=10_000)
    """How many exports a contributor may ask for in 24 hours, by themselves and by their API keys."""
    streams_per_caller: int = Field(default=50, ge=1, le=10_000)
    """How many WebSockets and event streams one caller may hold open."""
    transfers_per_caller: int = Field(default=32, ge=1, le=10_000)
    """How many uploads and downloads one caller may have under way."""
    connections: int = Field(default=4096, ge=64, le=32_768)
    """How many TCP connections may be open (docs/operations/limits.md)."""
    connections_per_address: int = Field(default=512, ge=16, le=32_768)
    """How many of them one address may have; trusted proxies may have more."""
    subscriptions_per_caller: int = Field(default=100, ge=1, le=10_000)
    """How many subscriptions one caller may have open in this process, in all connections together."""
    origins: Annotated[tuple[str, ...], NoDecode] = ()
    """Origins whose pages may call this server from a browser, as `https://app.example.org`; several with commas."""
    graphiql: bool | None = None
    """Whether /graphiql is served. Unsaid: in development."""
    security_contact: str | None = Field(default=None, pattern=r"^(mailto:|https://|tel:)[!-~]{3,200}$")
    """Whom to tell of a weakness, for /.well-known/security.txt: `mailto:…` or `https://…`."""
    documents: Path | None = None
    """Trusted documents, which clients may send by their hash: a directory of `.graphql` files, or a manifest."""
    documents_only: bool = False
    """Whether nothing but trusted documents runs."""

    # The language model; without a URL the one that ships in a package runs in a child process
    model_url: str | None = None
    model_api_key: SecretStr | None = None
    model_name: str = Field(default="default", pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/-]{0,79}$")
    """The name by which the endpoint knows its model. Here it is offered, and recorded, in lower case."""
    model_seconds: float = Field(default=120, gt=0)
    model_keeps_days: int | None = Field(default=None, ge=0)
    """How long the endpoint keeps what it is sent, as its operator promises. Unsaid: certificates say that."""

    # Whose tokens are taken as bearer tokens (OpenID Connect), beside our own sessions and keys
    oidc_issuer: str | None = Field(default=None, pattern=r"^https?://[!-~]+$")
    """The issuer, letter for letter as its discovery document and its tokens name it."""
    oidc_audience: str | None = Field(default=None, pattern=r"^[!-~]{1,255}$")
    """What its ID tokens call this installation (`aud`)."""
    oidc_access_audience: str | None = Field(default=None, pattern=r"^[!-~]{1,255}$")
    """What its access tokens call this installation (`aud`, RFC 9068); without it no access token is taken."""
    oidc_clients: Annotated[tuple[str, ...], NoDecode] = ()
    """Clients to whom its tokens may have been issued (`azp`, `client_id`), beside the audience; with commas."""

    # Who is told of each entry of the audit trail, besides whoever reads it
    webhook_url: str | None = None
    webhook_secret: SecretStr | None = None
    """`whsec_` and base64 of 24 to 64 bytes (Standard Webhooks); two with a space between while one replaces the other.
    """

    siem_token_sha256: Annotated[tuple[str, ...], NoDecode] = ()
    """SHA-256 of the token with which a SIEM fetches /ledger/events, as `audit siem-token` prints it; two with a space
    between while one replaces the other."""

    # How contributors are told
    smtp_url: SecretStr | None = None
    mail_from: str | None = None
    """Where e-mail is handed in (`smtps://user:password@host:465`, or `smtp://…` for STARTTLS), and who it is from."""
    notices_url: str = Field(default_factory=lambda told: f"{told['public_url'].rstrip('/')}/privacy")
    """Where e-mail sends people for more: the inbox of your own frontend."""

    # Who is told how it goes here
    metrics_port: int | None = Field(default=None, ge=1, le=65535)
    """Where Prometheus finds the metrics: a port of 127.0.0.1 and no other address (docs/operations/observing.md)."""
    traces_url: str | None = Field(default=None, pattern=r"^https?://[!-~]+$")
    """Where spans go: the address of an OTLP collector over HTTP, as https://otel.example.org/v1/traces."""

    worker: bool = True
    """Whether `serve` runs the agents in its own process too."""
    worker_name: str = Field(default="main", pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")
    """Which of several processes with agents this is: it takes up again what one of the same name left unfinished."""

    origin: str = Field(default="muniment.local", pattern=r"^[a-zA-Z0-9][a-zA-Z0-9./-]{0,99}$")
    """The name under which this installation signs: a domain of the operator's. It never changes once it has signed."""

    @field_validator(
        "home",
        "blob_dir",
        "ledger_dir",
        "archive_dir",
        "witness_policy",
        "policy_file",
        "policy_approvals",
        "tls_cert",
        "tls_key",
        "documents",
    )
    @classmethod
    def _absolute(cls, path: Path | None) -> Path | None:
        return path.expanduser().absolute() if path else path

    @field_validator("oidc_clients", "origins", "regions", "trusted_proxies", mode="before")
    @classmethod
    def _listed(cls, said: Any) -> Any:
        return [each.strip() for each in said.split(",") if each.strip()] if isinstance(said, str) else said

    @field_validator("siem_token_sha256", mode="before")
    @classmethod
    def _digests(cls, said: Any) -> Any:
        found = said.split() if isinstance(said, str) else said
        if len(found) > 2 or not all(re.fullmatch(r"[0-9a-f]{64}", each) for each in found):
            raise ValueError("give one SHA-256 as 64 hex digits, or two with a space between (`audit siem-token`)")
        return found

    @field_validator("public_url")
    @classmethod
    def _without_slash(cls, url: str) -> str:
        return url.rstrip("/")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What is said on the command line, and in the environment and a file where they say anything.

        A source looks for each field by itself, which takes a start longer than all else about its settings.
        """
        said = any(name.upper().startswith(PREFIX) for name in os.environ)
        named = isinstance(dotenv_settings, DotEnvSettingsSource) and dotenv_settings.env_file
        return (init_settings, *([env_settings] if said else []), *([dotenv_settings] if named else []))

    @model_validator(mode="after")
    def _is_safe(self) -> Self:
        found = hazards.everywhere(self) + (hazards.in_production(self) if self.production else [])
        if found:
            raise ValueError("\n".join(found))
        return self

    @property
    def production(self) -> bool:
        """Whether this is production: development stand-ins are refused, logs are JSON."""
        return self.env == "production"

    @property
    def graphiql_served(self) -> bool:
        """Whether /graphiql is there."""
        return not self.production if self.graphiql is None else self.graphiql

    @property
    def insecure(self) -> bool:
        """Whether the key-encryption key is the stand-in for development."""
        return any(urlsplit(uri).scheme.startswith("insecure") for uri in self.kek_uris)

    @property
    def kek_uris(self) -> tuple[str, ...]:
        """The key-encryption keys, the one that wraps first."""
        return (self.kek_uri, self.second_kek_uri) if self.second_kek_uri else (self.kek_uri,)

    @property
    def local_ca(self) -> bool:
        """Whether this machine's own authority certifies it: others may reach it, and no certificate was brought."""
        return needs_local_ca(self.env, self.host, self.tls_cert, upstream=self.tls_terminated_upstream)

    @property
    def tls(self) -> bool:
        """Whether this process ends TLS itself."""
        return self.tls_cert is not None
