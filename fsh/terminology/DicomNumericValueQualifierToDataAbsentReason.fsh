Instance: dicom-numeric-value-qualifier-to-data-absent-reason
InstanceOf: ConceptMap
Usage: #definition
* insert ConceptMapNames(dicom-numeric-value-qualifier-to-data-absent-reason, DicomNumericValueQualifierToDataAbsentReason, DICOM Numeric Value Qualifier to data absent reason, [[Numeric Value Qualifier (0040,A301), PS3.16 CID 42, as the reason why a quantity has no value. Without a qualifier the reason is unknown.]])
* targetScopeCanonical = "http://hl7.org/fhir/ValueSet/data-absent-reason"
* insert MapGroup($DCM, $DataAbsentReason)
* insert MapAs(equivalent, 114000, Not a number, not-a-number, [[Not a Number (NaN)]])
* insert MapAs(equivalent, 114001, Negative Infinity, negative-infinity, [[Negative Infinity (NINF)]])
* insert MapAs(equivalent, 114002, Positive Infinity, positive-infinity, [[Positive Infinity (PINF)]])
* insert MapAs(source-is-narrower-than-target, 114003, Divide by zero, error, Error)
* insert MapAs(source-is-narrower-than-target, 114004, Underflow, error, Error)
* insert MapAs(source-is-narrower-than-target, 114005, Overflow, error, Error)
* insert MapAs(source-is-narrower-than-target, 114006, Measurement failure, error, Error)
* insert MapAs(equivalent, 114007, Measurement not attempted, not-performed, Not Performed)
* insert MapAs(source-is-narrower-than-target, 114008, Calculation failure, error, Error)
* insert MapAs(source-is-narrower-than-target, 114009, Value out of range, error, Error)
* insert MapAs(equivalent, 114010, Value unknown, unknown, Unknown)
* insert MapAs(source-is-narrower-than-target, 114011, Value indeterminate, unknown, Unknown)
* insert MapOthersTo(error, Error)
