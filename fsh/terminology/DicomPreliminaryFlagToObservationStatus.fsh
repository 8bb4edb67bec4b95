Instance: dicom-preliminary-flag-to-observation-status
InstanceOf: ConceptMap
Usage: #definition
* insert ConceptMapNames(dicom-preliminary-flag-to-observation-status, DicomPreliminaryFlagToObservationStatus, DICOM Preliminary Flag to observation status, [[Preliminary Flag (0040,A496) as Observation.status. Any other value is unknown; without the flag the Completion Flag (0040,A491) and the Verification Flag (0040,A493) decide.]])
* targetScopeCanonical = "http://hl7.org/fhir/ValueSet/observation-status"
* insert MapGroup($PreliminaryFlag, $ObservationStatus)
* insert MapEquivalent(PRELIMINARY, PRELIMINARY, preliminary, Preliminary)
* insert MapEquivalent(FINAL, FINAL, final, Final)
* insert MapOthersTo(unknown, Unknown)
