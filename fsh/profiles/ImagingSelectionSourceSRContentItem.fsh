Profile: ImagingSelectionSourceSRContentItem
Parent: ImagingSelection
Id: source-sr-content-item
Title: "Imaging Selection - DICOM SR Source SR Content Item Mapping"
Description: "The content item of a DICOM SR that a resource was made from: the SR document as instance, the item as its subset."
* insert Metadata
* subject 1.. MS
* subject only Reference(Patient)
* insert ServiceRequestSlice
* insert SelectionCode(111040, Original Source)
* studyUid MS
* insert ImagingStudySlice(derivedFrom, 0..1)
* instance 1..1 MS
* insert InstanceByClass(SR document and the item in it)
* insert SRInstance(srBasicInstance, 1.2.840.10008.5.1.4.1.1.88.11, Basic Text SR)
* insert SRInstance(srEnhancedInstance, 1.2.840.10008.5.1.4.1.1.88.22, Enhanced SR)
* insert SRInstance(srComprehensiveInstance, 1.2.840.10008.5.1.4.1.1.88.33, Comprehensive SR)
* insert SRInstance(sr3DComprehensiveInstance, 1.2.840.10008.5.1.4.1.1.88.34, Comprehensive 3D SR)

RuleSet: SRInstance(slice, uid, name)
* insert InstanceOfClass({slice}, 0..1, {uid}, {name} Storage)
* instance[{slice}] ^short = "{name} document"
* instance[{slice}].subset 1..1 MS

RuleSet: SRInstanceSources(slice)
* instance[{slice}].uid -> "SOP Instance UID (0008,0018)"
* instance[{slice}].subset -> "Observation UID (0040,A171), else the position of the item, as a Referenced Content Item Identifier (0040,DB73) would write it"

Mapping: SourceSRContentItemFromSR
Source: ImagingSelectionSourceSRContentItem
Target: "https://dicom.nema.org/medical/dicom/current/output/chtml/part03/sect_C.17.3.4.html#table_C.17-6"
Id: dicom-sr-for-source-sr-content-item
Title: "SR document and content item"
Description: "The attributes that identify the SR document and one content item in it, whatever the item's template."
* -> "The content item, in its SR document"
* studyUid -> "Study Instance UID (0020,000D)"
* seriesUid -> "Series Instance UID (0020,000E)"
* insert SRInstanceSources(srBasicInstance)
* insert SRInstanceSources(srEnhancedInstance)
* insert SRInstanceSources(srComprehensiveInstance)
* insert SRInstanceSources(sr3DComprehensiveInstance)
