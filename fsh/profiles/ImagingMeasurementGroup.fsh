Profile: ImagingMeasurementGroup
Parent: ImagingObservationProfile
Id: imaging-measurement-group
Title: "Observation - DICOM SR Imaging Measurement Group Mapping"
Description: "One measurement group of a DICOM SR, planar (TID 1410), volumetric (TID 1411) or generic (TID 1501): what was found, where, and which measurements and evaluations belong together."
* insert Metadata
* category = $DCM#125007 "Measurement Group"
* value[x] only CodeableConcept
* value[x] MS
* value[x] ^short = "What was found"
* insert SlicedByTargetProfile(hasMember, Measurements and evaluations of the group)
* insert ReferenceSlice(hasMember, imagingMeasurement, 0.., ImagingMeasurement, Measurement of the group)
* insert ReferenceSlice(hasMember, qualitativeEvaluation, 0.., ImagingQualitativeEvaluation, Qualitative evaluation of the group)

// tid: the group's template; site: the template that holds Finding Site and Measurement Method
RuleSet: MeasurementGroupSources(tid, site)
* insert ObservationItemSources
* code -> "TID {tid} > (276214006, SCT, Finding category), else (125007, DCM, Measurement Group)"
* value[x] -> "TID {tid} > (121071, DCM, Finding), the first CODE item"
* bodySite -> "TID {site} > (363698007, SCT, Finding Site), where there is one site without Laterality, Topographical modifier and tracking identifiers"
* bodyStructure -> "TID {site} > (363698007, SCT, Finding Site) in all other cases"
* method -> "TID {site} > (370129005, SCT, Measurement Method)"
* device -> "TID 4019 Algorithm Identification, else the device observer (TID 1004), else General Equipment"
* derivedFrom -> "TID {tid} > image regions, segments, surfaces and other references"
* hasMember[imagingMeasurement] -> "TID {tid} > NUM items"
* hasMember[qualitativeEvaluation] -> "TID {tid} > $QualType items, CODE or TEXT, with their $QualModType modifiers"

Mapping: MeasurementGroupFromTID1410
Source: ImagingMeasurementGroup
Target: "https://dicom.nema.org/medical/dicom/current/output/chtml/part16/chapter_A.html#sect_TID_1410"
Id: dicom-sr-tid-1410
Title: "TID 1410 Planar ROI Measurements and Qualitative Evaluations"
Description: "The container Measurement Group (125007, DCM) of a planar region."
* -> "TID 1410 > CONTAINER (125007, DCM, Measurement Group)"
* insert MeasurementGroupSources(1410, 1419)

Mapping: MeasurementGroupFromTID1411
Source: ImagingMeasurementGroup
Target: "https://dicom.nema.org/medical/dicom/current/output/chtml/part16/chapter_A.html#sect_TID_1411"
Id: dicom-sr-tid-1411
Title: "TID 1411 Volumetric ROI Measurements and Qualitative Evaluations"
Description: "The container Measurement Group (125007, DCM) of a volumetric region."
* -> "TID 1411 > CONTAINER (125007, DCM, Measurement Group)"
* insert MeasurementGroupSources(1411, 1419)

Mapping: MeasurementGroupFromTID1501
Source: ImagingMeasurementGroup
Target: "https://dicom.nema.org/medical/dicom/current/output/chtml/part16/chapter_A.html#sect_TID_1501"
Id: dicom-sr-tid-1501
Title: "TID 1501 Measurement and Qualitative Evaluation Group"
Description: "The container Measurement Group (125007, DCM) whose items name their regions and images themselves."
* -> "TID 1501 > CONTAINER (125007, DCM, Measurement Group)"
* insert MeasurementGroupSources(1501, 1501)
