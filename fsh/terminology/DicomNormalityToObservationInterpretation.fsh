Instance: dicom-normality-to-observation-interpretation
InstanceOf: ConceptMap
Usage: #definition
* insert ConceptMapNames(dicom-normality-to-observation-interpretation, DicomNormalityToObservationInterpretation, DICOM Normality to observation interpretation, [[Normality (121402, DCM) of a measurement, PS3.16 CID 222, as Observation.interpretation.]])
* targetScopeCanonical = "http://hl7.org/fhir/ValueSet/observation-interpretation"
* insert MapGroup($SCT, $ObservationInterpretation)
* insert MapEquivalent(17621005, Normal, N, Normal)
* insert MapEquivalent(263654008, Abnormal, A, Abnormal)
* insert MapEquivalent(371879000, Abnormally High, H, High)
* insert MapEquivalent(371880002, Abnormally Low, L, Low)
* insert MapEquivalent(371934000, Normality Undetermined, IND, Indeterminate)
