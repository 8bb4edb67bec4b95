CodeSystem: DicomGraphicType
Id: dicom-graphic-type
Title: "DICOM Graphic Type"
Description: "Enumerated values of Graphic Type (0070,0023) of the value types SCOORD and SCOORD3D, PS3.3 C.18.6 and C.18.9."
* insert CodeSystemMetadata
* #POINT "POINT" "One point. SCOORD and SCOORD3D."
* #MULTIPOINT "MULTIPOINT" "Several points, each for itself. SCOORD and SCOORD3D."
* #POLYLINE "POLYLINE" "Points joined by straight lines. SCOORD and SCOORD3D."
* #CIRCLE "CIRCLE" "A centre and a point on the circle. SCOORD only."
* #ELLIPSE "ELLIPSE" "The ends of the major axis, then those of the minor. SCOORD and SCOORD3D."
* #POLYGON "POLYGON" "A closed outline of points in one plane. SCOORD3D only."
* #ELLIPSOID "ELLIPSOID" "The ends of the three axes. SCOORD3D only."
