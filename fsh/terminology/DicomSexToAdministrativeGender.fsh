Instance: dicom-sex-to-administrative-gender
InstanceOf: ConceptMap
Usage: #definition
* insert ConceptMapNames(dicom-sex-to-administrative-gender, DicomSexToAdministrativeGender, DICOM Patient's Sex to administrative gender, [[Patient's Sex (0010,0040) as Patient.gender. Any other value is unknown; no value gives no gender.]])
* targetScopeCanonical = "http://hl7.org/fhir/ValueSet/administrative-gender"
* insert MapGroup($PatientSex, $AdministrativeGender)
* insert MapEquivalent(M, Male, male, Male)
* insert MapEquivalent(F, Female, female, Female)
* insert MapEquivalent(O, Other, other, Other)
* insert MapOthersTo(unknown, Unknown)
