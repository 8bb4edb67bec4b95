Profile: ImagingQualitativeEvaluation
Parent: ImagingObservationProfile
Id: imaging-qualitative-evaluation
Title: "Observation - DICOM SR Imaging Qualitative Evaluation Mapping to Observation"
Description: "One qualitative evaluation of a DICOM SR, coded (CODE) or in words (TEXT), in a measurement group or in the report's container Qualitative Evaluations."
* insert Metadata
* category 1..
* category = $UMLS#C0034375 "Qualitative Evaluations"
* value[x] 1..
* valueCodeableConcept 1..1 MS

Mapping: QualitativeEvaluationFromTID1500
Source: ImagingQualitativeEvaluation
Target: "https://dicom.nema.org/medical/dicom/current/output/chtml/part16/chapter_A.html#sect_TID_1500"
Id: dicom-sr-tid-1500
Title: "TID 1500 Measurement Report"
Description: "CODE and TEXT items of the container Qualitative Evaluations (C0034375, UMLS) and of measurement groups."
* -> "TID 1500 > (C0034375, UMLS, Qualitative Evaluations) > CODE or TEXT; TID 1410, 1411, 1501 > $QualType, CODE or TEXT"
* insert ObservationItemSources
* code -> "Concept Name Code Sequence (0040,A043) of the item"
* valueCodeableConcept -> "Concept Code Sequence (0040,A168) of a CODE item; Text Value (0040,A160) of a TEXT item"
* component -> "$QualModType items below the item"
