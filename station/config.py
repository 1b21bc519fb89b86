"""Where the station's home is and how it is set: station.toml in the home, overridden by STATION_* variables.

Guarantee: an unknown or malformed setting is an error naming it, never silently ignored.
"""

import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, IPvAnyNetwork, SecretStr, ValidationError

from station.digest import new_hasher
from station.errors import ConfigError, HomeError
from station.records.terms import Role

SettingSource = Literal["environment", "file", "default"]
"""Where a setting has its value from: a STATION_* variable, station.toml, or this program."""
SETTINGS_CHANGED = "settings.changed"
"""A mark in run/: station.toml was changed by the station itself, and its processes have to be started again."""
SHIPPED_PROFILES = Path(__file__).resolve().parent.parent / "firmware_profiles"


def _known_zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError(f"{value!r} is not an IANA time zone") from error
    return value


def _computable(algorithms: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse an algorithm that this machine can't compute: a digest that is asked for is never left out."""
    for algorithm in algorithms:
        try:
            new_hasher(algorithm)
        except ConfigError as error:
            raise ValueError(error.message) from error
    return tuple(dict.fromkeys(algorithms))


ZoneName = Annotated[str, AfterValidator(_known_zone)]
"""The name of an IANA time zone."""


class WitnessSetting(BaseModel):
    """One witness: where it is asked, and its key. Without `url` it is asked no more, but what it cosigned counts."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = Field(default="", pattern=r"^(https?://[^\s]+)?$", description="its submission prefix")
    vkey: str = Field(pattern=r"^[^\s+]+\+[0-9a-f]{8}\+[A-Za-z0-9+/]+=*$", description="its public key")


class Settings(BaseModel):
    """All settings with their defaults; names are keys of station.toml and, upper-cased, STATION_* variables."""

    # Hidden input: pydantic's messages would otherwise quote a malformed password.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    database_url: str = Field(default="", description="empty: SQLite at <home>/station.db")
    listen: str = Field(default="127.0.0.1:8470", pattern=r"^(\[[0-9a-fA-F:]+\]|[^:\s]+):\d{1,5}$")
    profiles: str = Field(default="", description="folder of the unit's own firmware profiles, beside those shipped")
    vault: str = Field(default="", description="folder of the vault; empty: <home>/vault")
    time_zone: ZoneName = Field(default="Asia/Shanghai", description="zone in which people read times")
    unit: str = Field(default="", description="the unit this station belongs to, as people call it")
    slots: int = Field(default=8, ge=1, le=64)
    reserve_bytes: int = Field(default=512 * 1024 * 1024, ge=0, description="kept free for log-in, ledger and alarms")
    parser_user: str = Field(default="nobody", description="whom parsers of hostile data become when started by root")
    service_group: str = Field(
        default="", description="group of the station's users where each process has its own (systemd); empty: one user"
    )
    map_tiles: str = Field(
        default="", description="folder of map tiles (z/x/y.png, EPSG:3857, in WGS 84) drawn beneath tracks; none"
    )
    kiosk_addresses: tuple[IPvAnyNetwork, ...] = Field(
        default=(), description="addresses or networks of dock screens, beside this machine: the board without log-in"
    )
    second_factor_roles: tuple[Role, ...] = Field(
        default=(), description="roles whose people must log in with a one-time code as well, as admin"
    )
    session_minutes: int = Field(default=30, ge=1, description="idle minutes until a session ends")
    locale: str = Field(default="zh_CN", pattern=r"^(zh_CN|en)$")
    case_number_pattern: str = Field(
        default=r".{2,80}", description="regular expression a whole case number must match"
    )
    retention: str = Field(default="", description="the unit's own retention table; empty: the one shipped")
    recording_list: str = Field(
        default="", description="the unit's own list of what has to be recorded; empty: the one shipped"
    )
    recorder_passwords: dict[str, SecretStr] = Field(
        default={}, description="by profile id; a systemd credential recorder-<profile id> goes before it"
    )
    erase_recorders: bool = Field(default=False, description="erase from a recorder what the station provably holds")
    erase_minimum_age_hours: int = Field(default=0, ge=0, description="how long taken in before it may be erased")
    erase_copies: int = Field(default=1, ge=1, description="durable places it must lie in, the vault among them")
    erase_cosignatures: int = Field(
        default=0, ge=0, description="how many witnesses must have cosigned the checkpoint before anything is erased"
    )
    witnesses: tuple[WitnessSetting, ...] = Field(default=(), description="who cosigns this station's checkpoints")
    witness_timeout_seconds: float = Field(default=5.0, gt=0, le=60, description="how long a witness may take")
    witness_listen: str = Field(
        default="127.0.0.1:8471",
        pattern=r"^(\[[0-9a-fA-F:]+\]|[^:\s]+):\d{1,5}$",
        description="where `station witness serve` listens, for the stations whose logs it cosigns",
    )
    timestamp_authority: str = Field(
        default="", pattern=r"^(https?://[^\s]+)?$", description="address of an RFC 3161 time stamping authority"
    )
    timestamp_certificates: str = Field(
        default="", description="PEM file with the roots of this authority, and of former ones"
    )
    anchor_minutes: int = Field(default=60, ge=1, description="how often witnesses and the authority are asked")
    anchor_warn_hours: int = Field(default=26, ge=1, description="age of the last outside anchor that is a warning")
    anchor_bad_hours: int = Field(default=168, ge=1, description="age of the last outside anchor that is trouble")
    hook_hosts: tuple[str, ...] = Field(
        default=(), description="hosts that may be told of events (webhooks), as cases.example or 10.0.0.7:8443; none"
    )
    hook_certificates: str = Field(
        default="", description="PEM file with roots for these hosts, beside those of the system"
    )
    upload_bytes: int = Field(
        default=64_000_000_000, ge=1, description="largest recording that may be uploaded from a browser"
    )
    upload_days: int = Field(default=7, ge=1, le=365, description="how long a half upload is kept for going on")
    inbox: str = Field(
        default="", description="watched folder: recordings that are put into it are taken in; empty: none"
    )
    inbox_settle_seconds: float = Field(
        default=20, ge=1, description="how long a file in the watched folder must stay as it is before it is taken in"
    )
    inbox_delete: bool = Field(
        default=False, description="delete a file from the watched folder once it is taken in and read back"
    )
    exports: str = Field(default="", description="folder of the court packages made; empty: <home>/exports")
    export_disks: str = Field(
        default="/media", description="packages may also be written to disks mounted below this folder; empty: to none"
    )
    backup_folders: tuple[str, ...] = Field(
        default=(), description="folders, on other disks, in which the pages make backups; empty: only by command"
    )
    backup_footage: bool = Field(default=True, description="backups made from the pages hold the footage too")
    backup_warn_days: int = Field(default=8, ge=1, description="age of the last whole backup that is a warning")
    backup_bad_days: int = Field(default=32, ge=1, description="age of the last whole backup that is trouble")
    c2pa_certificate: str = Field(
        default="", description="PEM chain, the signer's first: disclosure copies get C2PA content credentials"
    )
    c2pa_key: str = Field(
        default="", description="its private key (PEM), mode 0400; a systemd credential c2pa-key goes before it"
    )
    scrub_days: float = Field(
        default=30, ge=0, le=3650, description="in how many days the whole vault is re-read and checked; 0: never"
    )
    further_digests: Annotated[tuple[Literal["sm3"], ...], AfterValidator(_computable)] = Field(
        default=(), description="digests taken at intake beside SHA-256: sm3 (GB/T 32905)"
    )
    key_store: str = Field(default="file", pattern=r"^(file|pkcs11)$", description="where the log's key is kept")
    pkcs11_module: str = Field(default="", description="library of the token, as /usr/lib/softhsm/libsofthsm2.so")
    pkcs11_token: str = Field(default="", description="label of the token that holds the log's key")
    pkcs11_pin_file: str = Field(
        default="", description="file with the token's PIN, mode 0400; a systemd credential pkcs11-pin goes before it"
    )
    second_signatures: tuple[Literal["tpm", "sm2"], ...] = Field(
        default=(), description="further signature lines on every checkpoint: tpm (ECDSA P-256), sm2 (GB/T 32918)"
    )
    tpm_tcti: str = Field(default="device:/dev/tpmrm0", description="how tpm2-tools reach the TPM")
    tpm_handle: str = Field(
        default="0x81020001", pattern=r"^0x81[0-9a-fA-F]{6}$", description="persistent handle of the key in the TPM"
    )
    demo: bool = False


@dataclass(frozen=True, slots=True)
class Home:
    """The folder that holds one station: settings, database, keys, vault, derived copies, run-time files."""

    root: Path
    settings: Settings

    @property
    def database_url(self) -> str:
        """The database's URL, SQLite in the home unless set otherwise."""
        return self.settings.database_url or f"sqlite:///{self.root / 'station.db'}"

    @property
    def vault(self) -> Path:
        """The vault's root, holding its identity file, originals/, partials/ and staging/."""
        return Path(self.settings.vault) if self.settings.vault else self.root / "vault"

    @property
    def derived(self) -> Path:
        """Posters, filmstrips and proxies: can be deleted and rebuilt."""
        return self.root / "derived"

    @property
    def keys(self) -> Path:
        """The signer's key and its own state; nobody else opens this folder."""
        return self.root / "keys"

    @property
    def witness(self) -> Path:
        """What this station keeps as a witness of others: its witness key and the logs it cosigns."""
        return self.root / "witness"

    @property
    def exports(self) -> Path:
        """Court packages that were made, a folder each, until somebody fetched them."""
        return Path(self.settings.exports) if self.settings.exports else self.root / "exports"

    @property
    def uploads(self) -> Path:
        """What browsers are sending, a folder each, until it is taken in."""
        return self.root / "uploads"

    @property
    def run(self) -> Path:
        """Sockets, locks and the boards' progress files."""
        return self.root / "run"

    @property
    def map_tiles(self) -> Path | None:
        """The folder of the unit's map tiles, None where it has none."""
        return Path(self.settings.map_tiles) if self.settings.map_tiles else None

    @property
    def profiles(self) -> tuple[Path, ...]:
        """The folders of firmware profiles: those shipped, then the unit's own, which go before."""
        return (SHIPPED_PROFILES, Path(self.settings.profiles)) if self.settings.profiles else (SHIPPED_PROFILES,)

    @property
    def zone(self) -> ZoneInfo:
        """The zone in which people read times."""
        return ZoneInfo(self.settings.time_zone)


def home_folder(given: Path | None = None) -> Path:
    """Return the home: as given, else $STATION_HOME, else ./var; always absolute."""
    return (given or Path(os.environ.get("STATION_HOME") or "var")).absolute()


def load_home(root: Path) -> Home:
    """Read station.toml and the STATION_* variables; raises HomeError where no station lives, else ConfigError."""
    path = root / "station.toml"
    try:
        content = read_text(path)
    except HomeError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            raise HomeError(f"There is no station in {root}", hint="Make one with `station init`") from error
        raise
    return Home(root, read_settings(content, path))


def read_text(path: Path) -> str:
    """Read a file of settings; raises HomeError."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise HomeError(f"{path} can't be read: {error}") from error


def read_settings(content: str, path: Path) -> Settings:
    """Parse settings text, overlay the environment, validate; raises ConfigError naming the setting and the file."""
    values = _parse(content, path)
    for name in Settings.model_fields:
        variable = os.environ.get(f"STATION_{name.upper()}")
        if variable is not None:
            values[name] = variable
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(step) for step in first["loc"]) or "settings"
        raise ConfigError(
            f"The setting {name} is wrong: {first['msg']}", hint=f"Correct it in {path} or in STATION_{name.upper()}"
        ) from error


def setting_sources(home: Home) -> dict[str, SettingSource]:
    """Return where each setting has its value from, as things stand now; raises HomeError, ConfigError."""
    path = home.root / "station.toml"
    written = _parse(read_text(path), path) if path.exists() else {}
    return {name: _source(name, written) for name in Settings.model_fields}


def _source(name: str, written: dict[str, Any]) -> SettingSource:
    if f"STATION_{name.upper()}" in os.environ:
        return "environment"
    return "file" if name in written else "default"


def _parse(content: str, path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(content)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not valid TOML: {error}") from error
