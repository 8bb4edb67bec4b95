// In derived-imaging-measurement two slices of derivedFrom share the discriminator type@reference, so that each literal
// reference matches both of them and no instance is free of errors. Here the target's profile tells them apart.
Profile: DerivedImagingMeasurementCorrected
Parent: Observation
Id: derived-imaging-measurement-corrected
Title: "Observation - DICOM SR Derived Imaging Measurement, corrected"
Description: "The same as derived-imaging-measurement, except that the slices of derivedFrom are told apart by the profile of their targets, so that correct instances satisfy it."
* insert Metadata
* insert SlicedByTargetProfile(derivedFrom, Measurement groups that the value was computed from)
* insert DerivedImagingMeasurementContent

Mapping: CorrectedDerivedMeasurementFromTID1420
Source: DerivedImagingMeasurementCorrected
Target: "https://dicom.nema.org/medical/dicom/current/output/chtml/part16/chapter_A.html#sect_TID_1420"
Id: dicom-sr-tid-1420
Title: "TID 1420 Measurements Derived From Multiple ROI Measurements"
Description: "A NUM item of the container Derived Imaging Measurements (126011, DCM)."
* insert DerivedMeasurementSources
