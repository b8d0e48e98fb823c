"""The collector's settings: the only reader of the environment (`CAMPUSGAUGE_…`).

Options of the command line win over the environment, the environment over the defaults.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

if TYPE_CHECKING:
    from sqlalchemy.engine import URL
DEFAULT_PORT = 8300
RECORDS_FILE = "records.sqlite3"
SERIES_FILE = "series.duckdb"
SESSION_FILE = "session.key"
LOCAL_FILE = "collector.json"
SLOTS_FILE = "measurement.secret"
EVIDENCE_FOLDER = "evidence"
HOLIDAYS_FOLDER = "holidays"

SUPPORTED_RECORDS = "sqlite:///FILE, postgresql://USER@HOST/NAME"
SUPPORTED_SERIES = "duckdb:///FILE"


_PSYCOPG = "postgresql+psycopg"


def _records_url(value: str | None) -> str | None:
    if value is None or value.startswith("sqlite:///"):
        return value
    parts = urlsplit(value)
    if parts.scheme not in ("postgresql", "postgres") or not parts.path.strip("/"):
        raise ValueError(
            f"records are kept in one of {SUPPORTED_RECORDS}. Leave the option out to use the "
            "data directory"
        )
    if parts.password is not None or "password=" in parts.query:
        raise ValueError(
            "口令不能写在地址里（进程列表会显示），请放入 PGPASSFILE 文件或环境变量 PGPASSWORD · "
            "no password in the address: every user sees it in the process list. Put it into a "
            "file named by PGPASSFILE, or into PGPASSWORD"
        )
    return parts._replace(scheme=_PSYCOPG).geturl()


def _series_url(value: str | None) -> str | None:
    if value is not None and not value.startswith("duckdb:///"):
        raise ValueError(
            f"this version keeps series in {SUPPORTED_SERIES}; other stores are not supported "
            "yet. Leave the option out to use the data directory"
        )
    return value


class ServerAddress(BaseModel):
    """A measurement server that agents of this county may use.

    `token_file` holds the secret that the server checks slots with; a single server may leave it
    out and share the data directory's `measurement.secret`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: Annotated[str, Field(pattern=r"^https?://[^\s/@]+/?$")]
    name: Annotated[str, Field(min_length=1, max_length=100)]
    token_file: Path | None = None
    port_mbps: Annotated[float, Field(gt=0)] | None = None
    """Speed of its network port; schools whose lines are faster are sent elsewhere."""


class OidcSettings(BaseModel):
    """The bureau's own sign-in service (OpenID Connect), as JSON in `CAMPUSGAUGE_OIDC`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    issuer: Annotated[str, Field(pattern=r"^(https://|http://(127\.0\.0\.1|localhost)[:/])\S+$")]
    client_id: Annotated[str, Field(min_length=1, max_length=300)]
    client_secret_file: Path
    """A file with the secret that the service gave this collector; only its owner may read it."""
    name: Annotated[str, Field(min_length=1, max_length=40)] = "统一身份认证"


class Settings(BaseSettings):
    """Everything an operator may set. Raises pydantic's ValidationError on a bad value."""

    model_config = SettingsConfigDict(
        env_prefix="CAMPUSGAUGE_", extra="ignore", frozen=True, hide_input_in_errors=True
    )

    data: Path
    """Data directory; made with mode 0700 if it is not there."""
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = DEFAULT_PORT
    records: Annotated[str | None, AfterValidator(_records_url)] = None
    series: Annotated[str | None, AfterValidator(_series_url)] = None
    measurement_servers: tuple[ServerAddress, ...] = ()
    tests_per_day: Annotated[int, Field(ge=1, le=48)] = 6
    """Planned bandwidth tests of each school on a school day."""
    test_bytes_per_school_day: Annotated[int, Field(ge=3_000_000_000)] = 20_000_000_000
    """Data that one school's tests may move in a day; one test reserves 3 GB of it."""
    require_view_key: bool = False
    """Ask for a read key even on a loopback address: set it behind a reverse proxy."""
    oidc: OidcSettings | None = None

    @field_validator("measurement_servers")
    @classmethod
    def _each_has_its_own_secret(
        cls, servers: tuple[ServerAddress, ...]
    ) -> tuple[ServerAddress, ...]:
        files = {server.token_file for server in servers}
        if len(files) < len(servers) or (len(servers) > 1 and None in files):
            raise ValueError("several measurement servers need a token file each")
        return servers

    @property
    def records_url(self) -> str | URL:
        """SQLAlchemy URL of the record store."""
        # Imported here, because half of the commands do without SQLAlchemy's 0.2 s.
        from sqlalchemy.engine import URL

        # URL.create, because a directory's name may hold characters that mean something in a URL.
        return self.records or URL.create("sqlite", database=str(self.data / RECORDS_FILE))

    @property
    def series_file(self) -> Path:
        """File of the embedded series store."""
        if self.series is None:
            return self.data / SERIES_FILE
        return Path(self.series.removeprefix("duckdb:///"))

    @property
    def holidays_folder(self) -> Path:
        """Where the bureau keeps tables of decreed holidays."""
        return self.data / HOLIDAYS_FOLDER

    @property
    def local_file(self) -> Path:
        """Where a running collector tells commands on this host how to reach it."""
        return self.data / LOCAL_FILE
