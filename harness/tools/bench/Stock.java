import java.nio.file.Files;
import java.nio.file.Path;
import org.hl7.fhir.r5.elementmodel.Manager.FhirFormat;
import org.hl7.fhir.utilities.settings.FhirSettings;
import org.hl7.fhir.validation.ValidationEngine;

/** One transform with the engine as it comes: settings file, core package, map, document, folders to load. */
public final class Stock {
  private Stock() {}

  public static void main(String[] arguments) throws Exception {
    FhirSettings.setExplicitFilePath(arguments[0]);
    String version = arguments[1].split("#")[1];
    ValidationEngine engine =
        new ValidationEngine.ValidationEngineBuilder()
            .withVersion(version)
            .withNoTerminologyServer()
            .fromSource(arguments[1]);
    for (int index = 4; index < arguments.length; index++) {
      engine.getIgLoader().loadIg(engine.getIgs(), engine.getBinaries(), arguments[index], true);
    }
    byte[] document = Files.readAllBytes(Path.of(arguments[3]));
    if (engine.transform(document, FhirFormat.JSON, arguments[2], FhirFormat.JSON).length == 0) {
      throw new IllegalStateException("the engine made nothing");
    }
  }
}
