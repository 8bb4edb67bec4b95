package sr2fhir;

import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.hl7.fhir.r5.elementmodel.Manager.FhirFormat;
import org.hl7.fhir.validation.ValidationEngine;

/** Makes the snapshots of StructureDefinitions that build on FHIR and on those of one folder. */
final class Snapshots {
  private static final Map<Path, Snapshots> MADE = new ConcurrentHashMap<>();

  private final ValidationEngine engine;

  private Snapshots(Path folder, String core, String version) throws Exception {
    engine =
        new ValidationEngine.ValidationEngineBuilder()
            .withVersion(version)
            .withNoTerminologyServer()
            .fromSource(core);
    engine.getIgLoader().loadIg(engine.getIgs(), engine.getBinaries(), folder.toString(), true);
  }

  /** Reads FHIR and the definitions of a folder, once for each folder. */
  static synchronized Snapshots of(Path folder, String core, String version) throws Failure {
    try {
      if (!MADE.containsKey(folder)) {
        MADE.put(folder, new Snapshots(folder, core, version));
      }
      return MADE.get(folder);
    } catch (Throwable error) {
      throw Failure.of("load", error);
    }
  }

  /** Makes the snapshot of a definition, given as JSON, and returns the whole definition. */
  byte[] make(byte[] definition) throws Failure {
    try {
      return engine.generateSnapshot(definition, FhirFormat.JSON);
    } catch (Throwable error) {
      throw Failure.of("snapshot", error);
    }
  }
}
