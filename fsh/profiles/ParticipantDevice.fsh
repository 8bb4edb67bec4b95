Profile: ParticipantDevice
Parent: Device
Id: dicom-participant-device
Title: "Device - DICOM Participant Device Mapping"
Description: "A device other than the document's equipment that took part in acquiring, processing or observing: a participant of the document or a device observer of its content."
* insert Metadata
* identifier ..1 MS
* displayName MS

Mapping: ParticipantDeviceFromSR
Source: ParticipantDevice
Target: "https://dicom.nema.org/medical/dicom/current/output/chtml/part03/sect_C.17.2.html"
Id: dicom-sr
Title: "Participant Sequence and Device Observer"
Description: "An item of the Participant Sequence with Observer Type DEV (PS3.3 C.17.2), or a device observer (PS3.16 TID 1004)."
* -> "Participant Sequence (0040,A07A), Observer Type (0040,A084) DEV; TID 1004 Device Observer Identifying Attributes"
* identifier -> "Device UID (0018,1002); TID 1004 > (121012, DCM, Device Observer UID)"
* displayName -> "Manufacturer's Model Name (0008,1090); TID 1004 > (121013, DCM, Device Observer Name), else (121015, DCM, Device Observer Model Name)"
* manufacturer -> "Manufacturer (0008,0070); TID 1004 > (121014, DCM, Device Observer Manufacturer)"
