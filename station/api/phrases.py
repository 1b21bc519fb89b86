"""Ready-made words for 证明对象, by stage of enforcement: message ids of the group `phrase`, to be taken or changed.

Source of the choice: what 国办发〔2018〕118号 and 冀政办字〔2019〕31号 want a recording of each stage to show.
"""

from types import MappingProxyType

from station.records.terms import EnforcementStage as Stage

_ENTRY = ("identity_shown", "rights_told")
_WITNESSED = ("party_present", "witness_present", "refused_to_sign")

PHRASES = MappingProxyType(
    {
        Stage.ON_SITE.value: ("facts", *_ENTRY, "obstruction"),
        Stage.INQUIRY.value: (*_ENTRY, "statement", "signed"),
        Stage.INSPECTION.value: ("facts", *_ENTRY, "party_present", "signed"),
        Stage.SAMPLING.value: ("sample_taken", "seal_applied", "party_present", "signed"),
        Stage.PRESERVATION.value: ("items_listed", "seal_applied", *_WITNESSED),
        Stage.SEIZURE.value: ("notice_served", "items_listed", "seal_applied", *_WITNESSED),
        Stage.COERCION.value: ("notice_served", "measure_carried_out", *_WITNESSED, "obstruction"),
        Stage.DEMOLITION.value: ("notice_served", "items_listed", "measure_carried_out", *_WITNESSED),
        Stage.HEARING.value: ("rights_told", "hearing_held", "statement", "signed"),
        Stage.SERVICE_LEAVING.value: ("document_left", "refused_to_sign", "witness_present"),
        Stage.SERVICE_ANNOUNCEMENT.value: ("document_posted",),
        Stage.DISPOSAL.value: ("items_listed", "items_disposed", "witness_present"),
        Stage.HANDLING_ROOM.value: ("whole_stay", "rights_told"),
        Stage.OTHER.value: ("facts",),
    }
)
