Profile: ImagingMeasurement
Parent: ImagingObservationProfile
Id: imaging-measurement
Title: "Observation - DICOM SR Imaging Measurement Mapping to Observation"
Description: "One numeric measurement (NUM) of a DICOM SR, made by TID 300 or, within a region's group, TID 1419."
* insert Metadata
* insert RequiredQuantity
* referenceRange MS

RuleSet: MeasurementSources(tid)
* insert ObservationItemSources
* code -> "TID {tid} > NUM $Measurement, Concept Name Code Sequence (0040,A043)"
* valueQuantity -> "TID {tid} > NUM $Measurement, Measured Value Sequence (0040,A300); without a value the reason from Numeric Value Qualifier (0040,A301)"
* interpretation -> "TID 310 > (121402, DCM, Normality)"
* bodySite -> "TID {tid} > (363698007, SCT, Finding Site), where there is one site without Laterality and Topographical modifier; else the group's"
* method -> "TID {tid} > (370129005, SCT, Measurement Method), else the group's"
* device -> "TID 4019 Algorithm Identification of the item, else of the group, else the device observer (TID 1004), else General Equipment"
* referenceRange -> "TID 312 Normal Range Properties"
* component -> "Derivation (121401, DCM) and further modifiers and properties of the item"

Mapping: MeasurementFromTID300
Source: ImagingMeasurement
Target: "https://dicom.nema.org/medical/dicom/current/output/chtml/part16/chapter_A.html#sect_TID_300"
Id: dicom-sr-tid-300
Title: "TID 300 Measurement"
Description: "A NUM item of a generic measurement group (TID 1501)."
* -> "TID 300 > NUM $Measurement"
* insert MeasurementSources(300)

Mapping: MeasurementFromTID1419
Source: ImagingMeasurement
Target: "https://dicom.nema.org/medical/dicom/current/output/chtml/part16/chapter_A.html#sect_TID_1419"
Id: dicom-sr-tid-1419
Title: "TID 1419 ROI Measurements"
Description: "A NUM item of a planar (TID 1410) or volumetric (TID 1411) measurement group."
* -> "TID 1419 > NUM $Measurement"
* insert MeasurementSources(1419)
