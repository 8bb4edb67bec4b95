package sr2fhir;

import com.google.gson.Gson;
import java.io.InputStream;
import java.lang.reflect.Field;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.hl7.fhir.r5.context.BaseWorkerContext;
import org.hl7.fhir.r5.context.ContextUtilities;
import org.hl7.fhir.r5.elementmodel.Manager.FhirFormat;
import org.hl7.fhir.r5.formats.JsonParser;
import org.hl7.fhir.r5.model.Bundle;
import org.hl7.fhir.r5.model.Bundle.BundleEntryComponent;
import org.hl7.fhir.r5.model.CodeSystem;
import org.hl7.fhir.r5.model.Resource;
import org.hl7.fhir.r5.model.StructureDefinition;
import org.hl7.fhir.r5.utils.validation.constants.BestPracticeWarningLevel;
import org.hl7.fhir.utilities.i18n.subtag.LanguageSubtagRegistry;
import org.hl7.fhir.utilities.i18n.subtag.LanguageSubtagRegistryLoader;
import org.hl7.fhir.utilities.validation.ValidationMessage;
import org.hl7.fhir.validation.ValidationEngine;
import org.hl7.fhir.validation.service.model.InstanceValidatorParameters;

/** The HL7 validator with the whole of FHIR, its terminology and extensions, and our definitions. */
final class Validator {
  private static final String CUT = ": the message quotes a character in part and cannot be shown";

  /** What the engine says of a unit, for lack of a terminology server, although it has UCUM itself. */
  private static final String UNCHECKED = "Error_validating_code_running_without_terminology_services";

  /** The extension that names the datatype of another version which a cross-version extension stands for. */
  private static final String DATATYPE = "http://hl7.org/fhir/StructureDefinition/_datatype";

  private static final Pattern UNIT =
      Pattern.compile("code '(.*)' in system 'http://unitsofmeasure\\.org'", Pattern.DOTALL);

  private final ValidationEngine engine;

  Validator(List<String> packages, String version, List<Path> definitions) throws Exception {
    // no advice on good practice, which is repeated for every resource and of no use to a map
    InstanceValidatorParameters parameters =
        new InstanceValidatorParameters().setBestPracticeLevel(BestPracticeWarningLevel.Ignore);
    engine =
        new ValidationEngine.ValidationEngineBuilder()
            .withVersion(version)
            .withNoTerminologyServer()
            .withDefaultInstanceValidatorParameters(parameters)
            .fromSource(packages.get(0));
    // Without this the engine asks the server that it has not, and takes the failure for a wrong code.
    engine.getContext().setNoTerminologyServer(true);
    for (String name : packages.subList(1, packages.size())) {
      engine.loadPackage(name.split("#")[0], name.split("#")[1]);
    }
    loadOwn(definitions, version);
    // Reports may give a right code a meaning of their own: that is worth a warning, and no error.
    engine.setDisplayWarnings(true);
    restoreTables();
    engine.prepare();
  }

  /** Drops a code system that ours replaces: the codes of DICOM that FHIR R4 has are those of 2018. */
  private void dropOlder(Resource resource) {
    if (resource instanceof CodeSystem own) {
      for (CodeSystem known : engine.getContext().fetchResourcesByType(CodeSystem.class)) {
        if (own.getUrl().equals(known.getUrl())) {
          engine.getContext().dropResource("CodeSystem", known.getId());
        }
      }
    }
  }

  /** Loads our definitions; into another version than R5 the terminology and the extensions: the profiles are R5's. */
  private void loadOwn(List<Path> places, String version) throws Exception {
    Path folder = places.get(0);
    if (version.startsWith("5.")) {
      engine.getIgLoader().loadIg(engine.getIgs(), engine.getBinaries(), folder.toString(), true);
      return;
    }
    String kinds = "{CodeSystem,ValueSet,StructureDefinition}-*.json";
    try (DirectoryStream<Path> files = Files.newDirectoryStream(folder, kinds)) {
      for (Path file : files) {
        Resource resource = new JsonParser().parse(Files.readAllBytes(file));
        if (!(resource instanceof StructureDefinition definition) || "Extension".equals(definition.getType())) {
          dropOlder(resource);
          engine.getContext().cacheResource(resource);
        }
      }
    }
    Bundle extensions = (Bundle) new JsonParser().parse(Files.readAllBytes(places.get(1)));
    for (BundleEntryComponent entry : extensions.getEntry()) {
      if (entry.getResource() instanceof StructureDefinition extension) {
        new ContextUtilities(engine.getContext()).generateSnapshot(extension);
      }
      engine.getContext().cacheResource(entry.getResource());
    }
    // It may stand on any Base, which is no type before R5.
    StructureDefinition datatype = engine.getContext().fetchResource(StructureDefinition.class, DATATYPE);
    datatype.getContext().forEach(place -> place.setExpression("Element"));
  }

  /**
   * Validates a resource, given as JSON.
   *
   * @param profiles further profiles of it, separated by blanks
   * @return a JSON list of the messages in the engine's order, each a list of severity, type, location, text and id
   */
  byte[] validate(byte[] resource, String profiles) throws Failure {
    List<String> names = profiles.isEmpty() ? List.of() : Arrays.asList(profiles.split(" "));
    List<ValidationMessage> found = new ArrayList<>();
    try {
      engine.validate(resource, FhirFormat.JSON, new ArrayList<>(names), found);
    } catch (Throwable error) {
      throw Failure.of("validate", error);
    }
    List<List<String>> messages =
        found.stream().map(this::withUnits).filter(Objects::nonNull).map(Validator::parts).toList();
    return new Gson().toJson(messages).getBytes(StandardCharsets.UTF_8);
  }

  /** Answers for a unit that the engine left unchecked: nothing if UCUM has it, else an error that says why not. */
  private ValidationMessage withUnits(ValidationMessage message) {
    Matcher unit = UNIT.matcher(orEmpty(message.getMessage()));
    if (!UNCHECKED.equals(message.getMessageId()) || !unit.find()) {
      return message;
    }
    String wrong = engine.getContext().getUcumService().validate(unit.group(1));
    if (wrong == null) {
      return null;
    }
    message.setLevel(ValidationMessage.IssueSeverity.ERROR);
    message.setType(ValidationMessage.IssueType.CODEINVALID);
    message.setMessage(wrong);
    return message;
  }

  private static List<String> parts(ValidationMessage message) {
    String id = orEmpty(message.getMessageId());
    String text = orEmpty(message.getMessage());
    // the engine cuts texts by units of UTF-16; half a character has no form in UTF-8
    String whole = StandardCharsets.UTF_8.newEncoder().canEncode(text) ? text : id + CUT;
    return List.of(
        message.getLevel().toCode(), message.getType().toCode(), orEmpty(message.getLocation()), whole, id);
  }

  private static String orEmpty(String text) {
    return text == null ? "" : text;
  }

  /**
   * Gives this context the tables that the overlay jar hides from transforms: language subtags and licence codes.
   *
   * <p>The context reads them when it is made, into a field that is private. Without the overlay each start takes
   * 0.24 s more of processor time (0.97 instead of 0.73 s for one small report).
   */
  private void restoreTables() throws Exception {
    Field registry = BaseWorkerContext.class.getDeclaredField("registry");
    registry.setAccessible(true);
    new LanguageSubtagRegistryLoader((LanguageSubtagRegistry) registry.get(engine.getContext()))
        .loadFromResource("full/lang.dat.txt");
    try (InputStream licences = Validator.class.getResourceAsStream("/full/spdx.json")) {
      engine.getContext().cacheResource(new JsonParser().parse(licences));
    }
  }
}
