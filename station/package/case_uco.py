"""The package as CASE/UCO JSON-LD (caseontology.org 1.4): the case, its recordings, how they were taken in and by what.

Guarantees: every `@id` ends in a UUID that follows from the log, the export and the thing alone (RFC 9562 version 5);
`hashMethod` is a plain string; dates are xsd:dateTime in UTC. Tools of others read it; a verifier need not.
"""

import json
from collections.abc import Mapping
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

from station.package.content import Clip, Content, Derived
from station.package.words import Words, file_name

Node = dict[str, Any]

_CONTEXT: Final = {
    "@vocab": "urn:evidence-station:vocab:",
    "kb": "urn:evidence-station:kb:",
    "case-investigation": "https://ontology.caseontology.org/case/investigation/",
    "uco-action": "https://ontology.unifiedcyberontology.org/uco/action/",
    "uco-core": "https://ontology.unifiedcyberontology.org/uco/core/",
    "uco-identity": "https://ontology.unifiedcyberontology.org/uco/identity/",
    "uco-location": "https://ontology.unifiedcyberontology.org/uco/location/",
    "uco-observable": "https://ontology.unifiedcyberontology.org/uco/observable/",
    "uco-tool": "https://ontology.unifiedcyberontology.org/uco/tool/",
    "uco-types": "https://ontology.unifiedcyberontology.org/uco/types/",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}


def case_jsonld(content: Content, words: Words, digests: Mapping[str, tuple[str, int]]) -> bytes:
    """Return the description; `digests` maps paths of derived files to (SHA-256, size in bytes)."""
    name = _Names(content)
    tool = {
        "@id": name("tool"),
        "@type": "uco-tool:Tool",
        "uco-core:name": "evidence-station",
        "uco-tool:toolType": "body-worn recorder docking station",
        "uco-tool:version": content.software.rpartition(" ")[2],
    }
    graph: list[Node] = [tool]
    for number, clip in enumerate(content.clips, 1):
        graph += _clip_nodes(content, words, name, clip, number)
    for derived in content.derived:
        graph += _derived_nodes(content, name, derived, *digests[derived.path])
    graph = list({each["@id"]: each for each in graph}.values())  # recorders, people and places come once
    objects = [{"@id": each["@id"]} for each in graph]
    graph.append(
        {
            "@id": name("case"),
            "@type": "case-investigation:Investigation",
            "uco-core:name": content.number,
            "uco-core:description": content.title or content.number,
            "case-investigation:investigationForm": "case",
            "uco-core:object": objects,
        }
    )
    document = {"@context": _CONTEXT, "@graph": graph}
    return (json.dumps(document, ensure_ascii=False, indent=1) + "\n").encode()


class _Names:
    """Gives every thing of a package its own id, the same each time."""

    def __init__(self, content: Content) -> None:
        self._prefix = f"urn:{content.log}:{content.export}:"

    def __call__(self, kind: str, thing: str = "") -> str:
        return f"kb:{kind}-{uuid5(NAMESPACE_URL, f'{self._prefix}{kind}:{thing}')}"


def _clip_nodes(content: Content, words: Words, name: _Names, clip: Clip, number: int) -> list[Node]:
    file, recorder = name("file", clip.clip), name("recorder", clip.recorder)
    nodes: list[Node] = [
        {
            "@id": file,
            "@type": "uco-observable:File",
            "uco-core:name": file_name(clip),
            "uco-core:description": list(words.unaltered(clip).values()),
            "uco-core:hasFacet": [
                {
                    "@id": name("file-facet", clip.clip),
                    "@type": "uco-observable:FileFacet",
                    "uco-observable:fileName": clip.original.rpartition("/")[2] if clip.original else file_name(clip),
                    "uco-observable:filePath": clip.original or (clip.path or clip.clip),
                    "uco-observable:extension": clip.extension,
                    "uco-observable:sizeInBytes": _integer(clip.size_bytes),
                },
                _content(name, clip.clip, clip.sha256, clip.size_bytes, clip.mime_type),
            ],
        },
        {
            "@id": recorder,
            "@type": "uco-observable:Device",
            "uco-core:name": clip.recorder_name,
        },
        {
            "@id": name("provenance", clip.clip),
            "@type": "case-investigation:ProvenanceRecord",
            "case-investigation:exhibitNumber": str(number),
            "uco-core:description": f"ledger entry {clip.seq} of {content.log}",
            "uco-core:object": [{"@id": file}],
        },
        {
            "@id": name("taking-in", clip.clip),
            "@type": "case-investigation:InvestigativeAction",
            "uco-core:name": "clip.ingested" if clip.state != "incomplete" else "clip.incomplete",
            "uco-action:endTime": _moment(clip.taken_in_at),
            "uco-action:instrument": [{"@id": name("tool")}],
            "uco-action:object": [{"@id": recorder}],
            "uco-action:result": [{"@id": file}, {"@id": name("provenance", clip.clip)}],
        },
    ]
    collector, place = clip.field("collector").value, clip.field("place").value
    made: Node = {
        "@id": name("recording", clip.clip),
        "@type": "case-investigation:InvestigativeAction",
        "uco-core:name": "recording",
        "uco-action:instrument": [{"@id": recorder}],
        "uco-action:result": [{"@id": file}],
    }
    if clip.recorded_at is not None:
        made["uco-action:startTime"] = _moment(clip.recorded_at)
    if collector:
        person = name("person", collector)
        nodes.append({"@id": person, "@type": "uco-identity:Person", "uco-core:name": collector})
        made["uco-action:performer"] = {"@id": person}
    if place:
        where = name("place", place)
        nodes.append({"@id": where, "@type": "uco-location:Location", "uco-core:name": place})
        made["uco-action:location"] = [{"@id": where}]
    nodes.append(made)
    return nodes


def _derived_nodes(content: Content, name: _Names, derived: Derived, sha256: str, size_bytes: int) -> list[Node]:
    file = name("file", derived.path)
    return [
        {
            "@id": file,
            "@type": "uco-observable:File",
            "uco-core:description": [derived.zh, derived.en],
            "uco-core:hasFacet": [
                {
                    "@id": name("file-facet", derived.path),
                    "@type": "uco-observable:FileFacet",
                    "uco-observable:fileName": derived.path.rpartition("/")[2],
                    "uco-observable:filePath": derived.path,
                    "uco-observable:extension": derived.extension,
                    "uco-observable:sizeInBytes": _integer(size_bytes),
                },
                _content(name, derived.path, sha256, size_bytes, "video/mp4"),
            ],
        },
        {
            "@id": name("lineage", derived.path),
            "@type": "uco-observable:ObservableRelationship",
            "uco-core:source": {"@id": file},
            "uco-core:target": {"@id": name("file", derived.of)},
            "uco-core:kindOfRelationship": "Derived_From",
            "uco-core:isDirectional": {"@type": "xsd:boolean", "@value": "true"},
        },
    ]


def _content(name: _Names, thing: str, sha256: str, size_bytes: int, mime_type: str) -> Node:
    return {
        "@id": name("content-facet", thing),
        "@type": "uco-observable:ContentDataFacet",
        "uco-observable:mimeType": mime_type,
        "uco-observable:sizeInBytes": _integer(size_bytes),
        "uco-observable:hash": [
            {
                "@id": name("hash", thing),
                "@type": "uco-types:Hash",
                "uco-types:hashMethod": "SHA256",
                "uco-types:hashValue": {"@type": "xsd:hexBinary", "@value": sha256},
            }
        ],
    }


def _integer(value: int) -> Node:
    return {"@type": "xsd:integer", "@value": str(value)}


def _moment(text: str) -> Node:
    return {"@type": "xsd:dateTime", "@value": f"{text.removesuffix('Z')}+00:00"}
