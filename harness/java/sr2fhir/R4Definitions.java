package sr2fhir;

import org.hl7.fhir.r4.formats.JsonParser;
import org.hl7.fhir.r4.formats.XmlParser;

/** Reads the definitions of FHIR R4 as HAPI ships them: as XML, which the engine itself does not load. */
final class R4Definitions {
  private R4Definitions() {}

  /** Turns a resource of R4 from XML into JSON. */
  static byte[] fromXml(byte[] resource) throws Failure {
    try {
      return new JsonParser().composeBytes(new XmlParser().parse(resource));
    } catch (Throwable error) {
      throw Failure.of("read", error);
    }
  }
}
