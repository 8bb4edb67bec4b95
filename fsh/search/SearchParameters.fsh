// Searches that FHIR R5 lacks: by the finding site of an Observation, and by the DICOM UIDs of a selection. A server knows
// them once it has loaded the package.

RuleSet: SearchNames(id, name, title, code, base, description)
* url = "http://hl7.org/fhir/uv/dicom-sr/SearchParameter/{id}"
* name = "{name}"
* title = "{title}"
* description = "{description}"
* code = #{code}
* base = #{base}
* processingMode = #normal
* insert InstanceMetadata

Instance: observation-body-site
InstanceOf: SearchParameter
Usage: #definition
* insert SearchNames(observation-body-site, ObservationBodySite, Observation by finding site, body-site, Observation, [[The finding site of an observation, where it is a code.]])
* type = #token
* expression = "Observation.bodySite"

Instance: observation-body-structure
InstanceOf: SearchParameter
Usage: #definition
* insert SearchNames(observation-body-structure, ObservationBodyStructure, Observation by body structure, body-structure, Observation, [[The lesion or the qualified finding site of an observation, where it is a BodyStructure.]])
* type = #reference
* expression = "Observation.bodyStructure"
* target = #BodyStructure

Instance: imagingselection-instance-uid
InstanceOf: SearchParameter
Usage: #definition
* insert SearchNames(imagingselection-instance-uid, ImagingSelectionInstanceUid, ImagingSelection by SOP Instance UID, instance-uid, ImagingSelection, [[The SOP Instance UID of a selected image, segmentation or document.]])
* type = #token
* expression = "ImagingSelection.instance.uid"

Instance: imagingselection-series-uid
InstanceOf: SearchParameter
Usage: #definition
* insert SearchNames(imagingselection-series-uid, ImagingSelectionSeriesUid, ImagingSelection by Series Instance UID, series-uid, ImagingSelection, [[The Series Instance UID that all selected instances share.]])
* type = #token
* expression = "ImagingSelection.seriesUid"
