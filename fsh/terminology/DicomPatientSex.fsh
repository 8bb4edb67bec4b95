CodeSystem: DicomPatientSex
Id: dicom-patient-sex
Title: "DICOM Patient's Sex"
Description: "Enumerated values of Patient's Sex (0010,0040), PS3.3 C.7.1.1."
* insert CodeSystemMetadata
* #M "Male" "Male."
* #F "Female" "Female."
* #O "Other" "Neither of these."
