CodeSystem: DicomPreliminaryFlag
Id: dicom-preliminary-flag
Title: "DICOM Preliminary Flag"
Description: "Enumerated values of Preliminary Flag (0040,A496), PS3.3 C.17.2."
* insert CodeSystemMetadata
* #PRELIMINARY "PRELIMINARY" "A later document is to be expected."
* #FINAL "FINAL" "The document is meant to stand as it is."
