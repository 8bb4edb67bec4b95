package sr2fhir;

import java.util.ArrayList;
import org.hl7.fhir.r5.conformance.profile.ProfileUtilities;
import org.hl7.fhir.r5.context.ContextUtilities;
import org.hl7.fhir.r5.context.SimpleWorkerContext;
import org.hl7.fhir.r5.elementmodel.Element;
import org.hl7.fhir.r5.elementmodel.JsonParser;
import org.hl7.fhir.r5.elementmodel.Property;
import org.hl7.fhir.r5.model.Base;
import org.hl7.fhir.r5.model.StructureDefinition;
import org.hl7.fhir.r5.utils.structuremap.StructureMapUtilities;
import org.hl7.fhir.validation.TransformSupportServices;

/**
 * What one thread transforms with. The engine's utilities remember what they found out of definitions, such as the
 * elements below each element, but are made for one document and one thread; here they serve all documents of a
 * thread.
 */
final class Tools {
  final JsonParser parser;
  final StructureMapUtilities maps;
  private final SimpleWorkerContext context;
  private final ProfileUtilities profiles;
  private final ContextUtilities types;

  Tools(SimpleWorkerContext context) {
    this.context = context;
    profiles = new ProfileUtilities(context, null, null);
    types = new ContextUtilities(context);
    parser = new JsonParser(context, profiles);
    maps = new StructureMapUtilities(context, new Services());
  }

  /** Makes an empty element of a type or resource. */
  Element make(StructureDefinition definition) {
    Property property =
        new Property(context, definition.getSnapshot().getElementFirstRep(), definition, profiles, types);
    Element made = new Element(property.getName(), property);
    made.setPath(definition.getType());
    return made;
  }

  /** Serves what a map asks for, but for the log. */
  private final class Services extends TransformSupportServices {
    Services() {
      super(new ArrayList<>(), null, context);
    }

    @Override
    public Base createType(Object asker, String name, ProfileUtilities others) {
      StructureDefinition definition = context.fetchResource(StructureDefinition.class, name);
      // of a type that is not known the engine says so itself
      return definition == null ? super.createType(asker, name, others) : make(definition);
    }

    @Override
    public Base createResource(Object asker, Base made, boolean isOutermost) {
      return made;
    }
  }
}
