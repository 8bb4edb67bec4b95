Instance: dicom-graphic-type-to-3d-region-type
InstanceOf: ConceptMap
Usage: #definition
* insert ConceptMapNames(dicom-graphic-type-to-3d-region-type, DicomGraphicTypeTo3DRegionType, DICOM Graphic Type to 3D region type, [[Graphic Type (0070,0023) of a SCOORD3D item as the type of a 3D region.]])
* targetScopeCanonical = "http://hl7.org/fhir/ValueSet/imagingselection-3dgraphictype"
* insert MapGroup($GraphicType, $GraphicType3D)
* insert MapEquivalent(POINT, POINT, point, POINT)
* insert MapEquivalent(MULTIPOINT, MULTIPOINT, multipoint, MULTIPOINT)
* insert MapEquivalent(POLYLINE, POLYLINE, polyline, POLYLINE)
* insert MapEquivalent(POLYGON, POLYGON, polygon, POLYGON)
* insert MapEquivalent(ELLIPSE, ELLIPSE, ellipse, ELLIPSE)
* insert MapEquivalent(ELLIPSOID, ELLIPSOID, ellipsoid, ELLIPSOID)
