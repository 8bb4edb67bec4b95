Profile: ParticipantPractitioner
Parent: Practitioner
Id: dicom-participant-person
Title: "Device - DICOM Participant Practitioner Mapping"
Description: "A person who made the observations of a DICOM SR: a person observer of its content, or a participant or author of the document."
* insert Metadata
* name ..1 MS

Mapping: ParticipantPersonFromSR
Source: ParticipantPractitioner
Target: "https://dicom.nema.org/medical/dicom/current/output/chtml/part03/sect_C.17.2.html"
Id: dicom-sr
Title: "Person Observer, Participant and Author Observer Sequences"
Description: "A person observer (PS3.16 TID 1003), or an item with Observer Type PSN of the Participant or Author Observer Sequence (PS3.3 C.17.2)."
* -> "TID 1003 Person Observer Identifying Attributes; Participant Sequence (0040,A07A) or Author Observer Sequence (0040,A078), Observer Type (0040,A084) PSN"
* name -> "TID 1003 > (121008, DCM, Person Observer Name); Person Name (0040,A123)"
* identifier -> "TID 1003 > (128774, DCM, Person Observer's Login Name); Person Identification Code Sequence (0040,1101)"
