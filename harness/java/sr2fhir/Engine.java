package sr2fhir;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Date;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.hl7.fhir.r5.context.IWorkerContext.VersionResolutionRules;
import org.hl7.fhir.r5.context.SimpleWorkerContext;
import org.hl7.fhir.r5.elementmodel.Element;
import org.hl7.fhir.r5.elementmodel.JsonParser;
import org.hl7.fhir.r5.elementmodel.Manager;
import org.hl7.fhir.r5.elementmodel.Manager.FhirFormat;
import org.hl7.fhir.r5.formats.IParser.OutputStyle;
import org.hl7.fhir.r5.model.PackageInformation;
import org.hl7.fhir.r5.model.StructureDefinition;
import org.hl7.fhir.r5.model.StructureMap;
import org.hl7.fhir.r5.model.StructureMap.StructureMapModelMode;
import org.hl7.fhir.r5.model.StructureMap.StructureMapStructureComponent;
import org.hl7.fhir.r5.utils.structuremap.StructureMapUtilities;
import org.hl7.fhir.utilities.ByteProvider;
import org.hl7.fhir.validation.TransformSupportServices;

/** The HL7 engine with a small context: what the maps touch of FHIR, the logical model, the maps. */
final class Engine {
  private static final VersionResolutionRules ANY_VERSION = VersionResolutionRules.defaultRule();

  private final SimpleWorkerContext context;
  private final ThreadLocal<Tools> tools;

  /**
   * Reads the context.
   *
   * @param files JSON of resources, or of Bundles whose entries are read one by one
   * @param core name and version of the package that defines FHIR
   */
  Engine(List<Path> files, String[] core) throws IOException {
    this(read(files), core);
  }

  private Engine(Map<String, byte[]> files, String[] core) throws IOException {
    Map<String, ByteProvider> source = new LinkedHashMap<>();
    byte[] info = ("version=" + core[1] + "\n").getBytes(StandardCharsets.US_ASCII);
    source.put("version.info", ByteProvider.forBytes(info));
    files.forEach((name, content) -> source.put(name, ByteProvider.forBytes(content)));
    PackageInformation origin = new PackageInformation(core[0], core[1], new Date(0));
    context =
        new FixedContext(
            new SimpleWorkerContext.SimpleWorkerContextBuilder()
                .withAllowLoadingDuplicates(true)
                .fromDefinitions(source, null, origin));
    tools = ThreadLocal.withInitial(() -> new Tools(context));
  }

  /**
   * Reads the definitions of another version than R5 alone. For maps they stand beside R5's, so their URLs name the
   * version; here each has its own URL again.
   */
  static Engine ofDefinitions(Path file, String[] core) throws IOException {
    String number = core[1].substring(0, core[1].lastIndexOf('.'));
    String text = Files.readString(file).replace("/fhir/" + number + "/StructureDefinition/", "/fhir/StructureDefinition/");
    return new Engine(Map.of(file.toString(), text.getBytes(StandardCharsets.UTF_8)), core);
  }

  private static Map<String, byte[]> read(List<Path> files) throws IOException {
    Map<String, byte[]> content = new LinkedHashMap<>();
    for (Path file : files) {
      content.put(file.toString(), Files.readAllBytes(file));
    }
    return content;
  }

  /**
   * Transforms a document, given as JSON, and returns the JSON of the result.
   *
   * @param map the URL of the StructureMap
   */
  byte[] transform(byte[] document, String map) throws Failure {
    return transform(document, map, null, null).get(0);
  }

  /**
   * Transforms a document, given as JSON, and its result once more, and returns the JSON of both.
   *
   * <p>The second transform takes the elements of the first as they are, without writing and reading them. If it
   * fails, the result of the first is returned alone: who asked may look at that, and then ask for the second.
   *
   * @param map the URL of the StructureMap
   * @param next the engine that knows the second map
   * @param step the URL of the second map; null for none
   */
  List<byte[]> transform(byte[] document, String map, Engine next, String step) throws Failure {
    Run run = new Run(document, map);
    try {
      Element made = run.perform(tools.get().maps);
      List<byte[]> results = new ArrayList<>(List.of(compose(made, FhirFormat.JSON)));
      if (step != null) {
        next.follow(made, step).ifPresent(results::add);
      }
      return results;
    } catch (Throwable error) {
      Failure failure = Failure.of(run.stage, error);
      boolean worthAnother = run.stage.equals("map") && !(error instanceof VirtualMachineError);
      throw worthAnother ? located(run, failure) : failure;
    }
  }

  /** Transforms what another engine has made; empty if that fails. */
  private Optional<byte[]> follow(Element source, String map) {
    try {
      return Optional.of(compose(execute(map(map), source, tools.get().maps), FhirFormat.JSON));
    } catch (OutOfMemoryError | Exchange.AbandonedError error) {
      throw error;
    } catch (Throwable error) {
      return Optional.empty();
    }
  }

  /** Writes a resource, given as JSON, as XML. */
  byte[] toXml(byte[] resource) throws Failure {
    try {
      return compose(Manager.parseSingle(context, stream(resource), FhirFormat.JSON), FhirFormat.XML);
    } catch (Throwable error) {
      throw Failure.of("write", error);
    }
  }

  /** Compiles the text of a map and returns the JSON of the StructureMap. */
  byte[] compile(String text, String name) throws Failure {
    try {
      return new org.hl7.fhir.r5.formats.JsonParser()
          .composeBytes(new StructureMapUtilities(context).parse(text, name));
    } catch (Throwable error) {
      throw Failure.of("compile", error);
    }
  }

  /** Runs a transform that failed once more, now with the engine's log, to learn where it fails. */
  private Failure located(Run run, Failure failure) {
    Steps steps = new Steps();
    StructureMapUtilities traced = new StructureMapUtilities(context, steps);
    traced.setDebug(true);
    try {
      run.perform(traced);
    } catch (Throwable again) {
      return failure.at(steps.group, steps.rule);
    }
    return failure;
  }

  private byte[] compose(Element element, FhirFormat format) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    Manager.compose(context, element, out, format, OutputStyle.NORMAL, null);
    return out.toByteArray();
  }

  private static ByteArrayInputStream stream(byte[] bytes) {
    return new ByteArrayInputStream(bytes);
  }

  /** A map or structure that is not there. Its name says which, its message which one. */
  private static final class Unknown extends RuntimeException {
    private static final long serialVersionUID = 1;

    Unknown(String what, String which) {
      super(what + " " + which, null, false, false);
    }
  }

  /** One transform, which knows how far it has come. */
  private final class Run {
    private final byte[] document;
    private final String url;
    private String stage = "read";

    Run(byte[] document, String url) {
      this.document = document;
      this.url = url;
    }

    Element perform(StructureMapUtilities utilities) throws IOException {
      stage = "read";
      StructureMap map = map(url);
      Element source = read(structure(map, StructureMapModelMode.SOURCE));
      stage = "map";
      Element made = execute(map, source, utilities);
      stage = "write";
      return made;
    }

    private Element read(StructureDefinition model) throws IOException {
      JsonParser parser = tools.get().parser;
      parser.setLogical(model);
      return parser.parse(new ArrayList<>(), Document.read(document));
    }
  }

  private StructureMap map(String url) {
    StructureMap map = context.fetchResource(StructureMap.class, url, ANY_VERSION);
    if (map == null) {
      throw new Unknown("map", url);
    }
    return map;
  }

  private Element execute(StructureMap map, Element source, StructureMapUtilities utilities) {
    Element target = tools.get().make(structure(map, StructureMapModelMode.TARGET));
    utilities.transform(null, source, map, target);
    return target;
  }

  /** Returns the first structure that a map uses as source or target. */
  private StructureDefinition structure(StructureMap map, StructureMapModelMode mode) {
    for (StructureMapStructureComponent use : map.getStructure()) {
      StructureDefinition found = context.fetchResource(StructureDefinition.class, use.getUrl(), ANY_VERSION);
      if (use.getMode() == mode && found != null) {
        return found;
      }
    }
    throw new Unknown("structure", mode.toCode());
  }

  /** Keeps the names of the group and rule that are executed; the values beside them are dropped. */
  private final class Steps extends TransformSupportServices {
    private String group = "";
    private String rule = "";

    Steps() {
      super(new ArrayList<>(), null, context);
    }

    @Override
    public void log(String message) {
      String line = message.strip();
      if (line.startsWith("Group : ")) {
        group = name(line.substring(8));
      } else if (line.startsWith("rule : ")) {
        rule = name(line.substring(7));
      }
    }

    private static String name(String rest) {
      return rest.split(";", 2)[0].strip();
    }
  }
}
