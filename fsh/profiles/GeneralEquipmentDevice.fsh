Profile: GeneralEquipmentDevice
Parent: Device
Id: dicom-general-equipment
Title: "Device - DICOM General Equipment Mapping"
Description: "The equipment that made a DICOM SR document, and with it the measurements and evaluations that name no other device."
* insert Metadata
* identifier ..1 MS
* displayName MS

Mapping: EquipmentFromGeneralEquipment
Source: GeneralEquipmentDevice
Target: "https://dicom.nema.org/medical/dicom/current/output/chtml/part03/sect_C.7.5.html#sect_C.7.5.1"
Id: dicom-sr
Title: "General Equipment Module"
Description: "The attributes of the module (PS3.3 C.7.5.1)."
* -> "General Equipment Module (PS3.3 C.7.5.1)"
* identifier -> "Device UID (0018,1002)"
* displayName -> "Manufacturer's Model Name (0008,1090)"
* modelNumber -> "Manufacturer's Model Name (0008,1090)"
* manufacturer -> "Manufacturer (0008,0070)"
* serialNumber -> "Device Serial Number (0018,1000)"
* udiCarrier -> "UDI Sequence (0018,100A) > Unique Device Identifier (0018,1009)"
