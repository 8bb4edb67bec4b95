Instance: dicom-graphic-type-to-2d-region-type
InstanceOf: ConceptMap
Usage: #definition
* insert ConceptMapNames(dicom-graphic-type-to-2d-region-type, DicomGraphicTypeTo2DRegionType, DICOM Graphic Type to 2D region type, [[Graphic Type (0070,0023) of a SCOORD item as the type of a 2D region. MULTIPOINT has no type of its own: each of its points is a region of type point.]])
* targetScopeCanonical = "http://hl7.org/fhir/ValueSet/imagingselection-2dgraphictype"
* insert MapGroup($GraphicType, $GraphicType2D)
* insert MapEquivalent(POINT, POINT, point, POINT)
* insert MapEquivalent(POLYLINE, POLYLINE, polyline, POLYLINE)
* insert MapEquivalent(CIRCLE, CIRCLE, circle, CIRCLE)
* insert MapEquivalent(ELLIPSE, ELLIPSE, ellipse, ELLIPSE)
