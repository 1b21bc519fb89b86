"""Nothing reaches a person untranslated: messages, codes, placeholders; and no Chinese outside the catalogues."""

import ast
import re
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import get_args

import pytest

from station.actions import first, importing, importing_cases, importing_people, importing_recorders, rules
from station.actions.recognise import Answer
from station.api.errors import ANSWERS, HTTP_CODES
from station.api.phrases import PHRASES
from station.api.register import COLUMNS
from station.board import SlotState
from station.catalogue.clip_detail import FIELDS
from station.catalogue.history import HISTORY_CODES, LOOK_CODES
from station.catalogue.views import Queue
from station.config import SettingSource
from station.i18n import LOCALES, translator
from station.ledger.findings import MESSAGES
from station.records import terms
from station.records.document_entries import DocumentKind
from station.records.recording_list import Need, load_list
from station.records.registry import ENTRY_TYPES
from station.records.retention import load_rules
from station.records.review_entries import ReviewPoint, Verdict
from station.state import backups, uploads
from station.state.tokens import Scope
from tests.unit.web import messages

CJK = re.compile("[\u3400-\u9fff]")
_GROUPS: dict[str, Iterable[str]] = {
    "role": terms.Role,
    "role_help": terms.Role,
    "target_kind": terms.TargetKind,
    "none_reason": terms.NoneReason,
    "stage": terms.EnforcementStage,
    "sensitivity": terms.Sensitivity,
    "source": terms.Source,
    "origin": terms.Origin,
    "upload_state": (*uploads.UNFINISHED, "taken", "held", "refused"),
    "upload_problem": ("digest_differs", "upload_lost", "not_document", "document_damaged"),
    "document_kind": get_args(DocumentKind),
    "time_trust": terms.TimeTrust,
    "clip_stage": terms.ClipStage,
    "result": terms.FileResult,
    "slot_state": ("empty", *get_args(SlotState)),
    "slot_advice": ("empty", *get_args(SlotState)),
    "slot_problem": (
        "reader_died",
        "taken_out",
        "source_unreadable",
        "not_whole",
        "no_space",
        "station_stopped",
        "station_trouble",
    ),
    "field": FIELDS,
    "register": COLUMNS,
    "queue": Queue,
    "review_state": ("waiting", "changed", "returned", "agreed", "superseded"),
    "verdict": Verdict,
    "review_point": ReviewPoint,
    "review_change": (
        "bytes",
        "held",
        "sensitivity",
        "time",
        "place",
        "collector",
        "companions",
        "stage",
        "proves",
        "note",
        "added",
        "removed",
    ),
    "stage_state": ("present", "explained", "missing", "extra"),
    "stage_need": get_args(Need),
    "act": [act.id for act in load_list().act],
    "given_reason": ("undone", "superseded"),
    "queue_means": Queue,
    "doubt": ("clock_suspicious", "clock_unknown", "holder_ambiguous", "number_disagrees", "disclaimed"),
    "history": (*HISTORY_CODES, *LOOK_CODES),
    "entry": ENTRY_TYPES,
    "denial": ("role", "not_visible", "suspected_secret", "scope"),
    "phrase": {phrase for phrases in PHRASES.values() for phrase in phrases},
    "error": {*(code for _kind, _status, code in ANSWERS), *HTTP_CODES.values()},
    "error_hint": {*(code for _kind, _status, code in ANSWERS), *HTTP_CODES.values()},
    "outcome": ("sound", "damaged", "not_checked"),
    "finding": {code.partition(".")[0] for code in MESSAGES},
    "check_scope": ("case", "all"),
    "check_state": ("waiting", "running", "done", "failed", "cancelled"),
    "file_answer": get_args(Answer),
    "file_help": get_args(Answer),
    "readback": ("direct", "dropped", "none"),
    "playable": ("original", "proxy", "none"),
    "proxy": ("none", "waiting", "running", "ready", "failed"),
    "sound": ("none", "silent", "waiting", "failed"),
    "whereabouts": ("none", "waiting", "failed"),
    "blocked": ("suspected_secret", "disposed", "incomplete"),
    "identified_by": ("serial", "volume", "given", "folder"),
    "person_kind": ("officer", "auxiliary", "staff"),
    "scope": Scope,
    "setting_group": rules.SHOWN,
    "setting": [name for names in rules.SHOWN.values() for name in names],
    "setting_source": get_args(SettingSource),
    "switch": ("yes", "no"),
    "fixed_rule": rules.FIXED,
    "backup_kind": get_args(backups.Kind),
    "backup_failed": get_args(backups.Kind),
    "backup_step": ("waiting", "database", "footage", "ledger", "originals"),
    "problem": ("backup_damaged_here", "backup_storage", "backup_unsigned", "backup_internal"),
    "case_form": get_args(first.CaseForm),
    "case_form_help": first.CASE_FORMS,
    "tier": ("emulated", "reported", "verified"),
    "tier_help": ("emulated", "reported", "verified"),
    "transport": ("mass-storage", "mtp", "folder"),
    "import_column": {*importing_people.COLUMNS, *importing_recorders.COLUMNS, *importing_cases.COLUMNS},
    "import_outcome": get_args(importing.Outcome),
    "numbering_outcome": get_args(importing.Outcome),
    "strength": ("password", "two_factors", "link", "console", "token", "none"),
    "token_state": ("revoked", "until"),
    "hook_state": ("ok", "failing", "dead"),
    "media": ("video", "audio", "photo"),
    "health_state": ("ok", "warn", "bad"),
    "health_next": (
        "vault",
        "free_bytes",
        "days_left",
        "encryption",
        "clock",
        "signer",
        "log_key",
        "unsealed",
        "work_failed",
        "alarms",
        "outside_anchor",
        "last_witness",
        "last_timestamp",
        "backup",
        "chores",
        "scrub",
        "scrub_damaged",
        "programs",
        "halted",
    ),
    "disposal_blocked": (
        "no_rule",
        "held",
        "permanent",
        "not_due",
        "in_doubt",
        "untagged",
        "open",
        "proposed",
        "gone",
    ),
    "disposal_status": ("proposed", "approved", "refused", "completed"),
    "retention": [rule.id for rule in load_rules()],
    "language": LOCALES,
}
# Chinese there is data, the same in every language: sample people and cases; how numbers are written and read.
_CHINESE_DATA = ("demo", "catalogue/folding.py", "actions/targets.py")
# Codes that stand literally in calls: constructor, group.
_CODED_CALLS = {"ProblemError": "problem", "Finding": "health", "Problem": "finding"}


@pytest.fixture(scope="module", params=LOCALES)
def locale(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_every_message_is_in_the_chinese_catalogue() -> None:
    known = {_key(message.id) for message in messages.read("zh_CN") if message.id and _is_translated(message.string)}
    said = (*messages.in_templates(), *messages.in_code())
    assert sorted({f"{each.text} ({each.where})" for each in said if each.text not in known}) == []


def test_both_catalogues_hold_the_same_codes_and_all_of_them_in_words() -> None:
    codes = {
        name: {
            str(message.id) for message in messages.read(name) if str(message.id).startswith("code:") and message.string
        }
        for name in LOCALES
    }
    assert codes["en"] ^ codes["zh_CN"] == set()


def test_no_message_is_left_over() -> None:
    said = {each.text for each in (*messages.in_templates(), *messages.in_code())}
    catalogue = {_key(message.id) for message in messages.read("zh_CN") if message.id}
    assert {text for text in catalogue if not str(text).startswith("code:")} - said - _said_by_i18n() == set()


def test_every_code_of_the_program_has_words(locale: str) -> None:
    say = translator(locale)
    missing = [
        f"{group}.{value}"
        for group, values in _GROUPS.items()
        for value in values
        if not say.knows(group, _plain(value))
    ]
    assert missing == []


def test_every_literal_problem_and_health_code_has_words(locale: str) -> None:
    say = translator(locale)
    missing = {f"{group}.{value} ({where})" for group, value, where in _literal_codes() if not say.knows(group, value)}
    assert sorted(missing) == []


def test_translations_keep_the_placeholders() -> None:
    for message in messages.read("zh_CN"):
        if message.id and not str(message.id).startswith("code:"):
            wanted = _placeholders(message.id if isinstance(message.id, str) else message.id[1])
            for text in [message.string] if isinstance(message.string, str) else message.string:
                assert _placeholders(text) == wanted, message.id


def test_both_languages_tell_the_same_params_of_a_history_line() -> None:
    for code, params in HISTORY_CODES.items():
        told = {name: _placeholders(str(messages.read(name)[f"code:history.{code}"].string)) for name in LOCALES}
        assert told["en"] == told["zh_CN"], code
        named = {"recorder_name", "slot", "number", "file_name", "into_number", "companion_names"}
        assert told["en"] <= {*params, *named}, code


def test_english_has_no_chinese_but_the_name_of_the_language() -> None:
    chinese = {str(message.id) for message in messages.read("en") if CJK.search(str(message.string))}
    assert chinese == {"code:language.zh_CN"}


def test_templates_and_scripts_hold_no_chinese_of_their_own() -> None:
    web = messages.ROOT / "web"
    sources = (*web.glob("templates/**/*.html"), *web.glob("src/*.js"))
    for path in sources:
        text = re.sub(
            r"\{#.*?#\}|^\s*(//|/?\*).*$", "", path.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE
        )
        assert not CJK.search(text), path.name


def test_the_program_holds_no_chinese_of_its_own() -> None:
    found = []
    for path in sorted((messages.ROOT / "station").glob("**/*.py")):
        if str(path.relative_to(messages.ROOT / "station")).startswith(_CHINESE_DATA):
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        described = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        found += [
            f"{path.relative_to(messages.ROOT)}:{node.lineno} {node.value[:30]}"
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and id(node) not in described and CJK.search(str(node.value))
        ]
    assert found == []


def _key(text: object) -> object:
    return tuple(text) if isinstance(text, list | tuple) else text


def _is_translated(text: object) -> bool:
    return all(text) if isinstance(text, list | tuple) else bool(text)


def _plain(value: str) -> str:
    return value.value if isinstance(value, StrEnum) else value


def _placeholders(text: str) -> set[str]:
    return set(re.findall(r"\{(\w+)\}", text))


def _said_by_i18n() -> set[str]:
    tree = ast.parse((messages.ROOT / "station" / "i18n.py").read_text(encoding="utf-8"))
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name))
    constants = (call.args[0] for call in calls if call.func.id == "self" and call.args)  # type: ignore[union-attr, attr-defined]
    return {each.value for each in constants if isinstance(each, ast.Constant)}


def _literal_codes() -> Iterator[tuple[str, str, str]]:
    for path in sorted((messages.ROOT / "station").glob("a*/**/*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args):
                continue
            group, first = _CODED_CALLS.get(node.func.id), node.args[0]
            if group and isinstance(first, ast.Constant):
                yield group, str(first.value), f"{path.name}:{node.lineno}"
