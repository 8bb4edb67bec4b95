Profile: DerivedImagingMeasurementProfile
Parent: Observation
Id: derived-imaging-measurement
Title: "Observation - DICOM SR Derived Imaging Measurement Mapping to Observation"
Description: "A numeric value of a DICOM SR computed from the measurements of several regions (TID 1420), with references to the groups that it was computed from."
* insert Metadata
* derivedFrom ^slicing.discriminator.type = #type
* derivedFrom ^slicing.discriminator.path = "reference"
* derivedFrom ^slicing.rules = #open
* derivedFrom ^slicing.description = "Measurement groups that the value was computed from"
* insert DerivedImagingMeasurementContent

Mapping: DerivedMeasurementFromTID1420
Source: DerivedImagingMeasurementProfile
Target: "https://dicom.nema.org/medical/dicom/current/output/chtml/part16/chapter_A.html#sect_TID_1420"
Id: dicom-sr-tid-1420
Title: "TID 1420 Measurements Derived From Multiple ROI Measurements"
Description: "A NUM item of the container Derived Imaging Measurements (126011, DCM)."
* insert DerivedMeasurementSources
