package sr2fhir;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.hl7.fhir.utilities.settings.FhirSettings;

/** What can be asked for. The small context is read at once, the whole of FHIR when it is first needed. */
final class Operations {
  /** The stack of a thread that works. */
  final long stackBytes;

  private final Engine engine;
  private final Path definitions;
  private final List<String> packages;
  private Validator validator;

  /**
   * Reads the small context.
   *
   * @param arguments the engine's settings file, the stack of a thread in bytes, the folder of our definitions, the
   *     FHIR packages for validating (id#version, separated by commas, the core first), and the files of the small
   *     context
   */
  Operations(String[] arguments) throws IOException {
    FhirSettings.setExplicitFilePath(arguments[0]);
    stackBytes = Long.parseLong(arguments[1]);
    definitions = Path.of(arguments[2]);
    packages = List.of(arguments[3].split(","));
    engine = new Engine(Arrays.stream(arguments).skip(4).map(Path::of).toList(), core());
  }

  byte[] perform(Exchange.Request request) throws Failure {
    byte[] content = request.content();
    return switch (request.operation()) {
      case 'T' -> engine.transform(content, request.name());
      case 'X' -> engine.toXml(content);
      case 'C' -> engine.compile(text(content), request.name());
      case 'L' -> validator().nothing();
      case 'V' -> validator().validate(content, request.name());
      case 'S' -> Snapshots.of(Path.of(request.name()), packages.get(0), core()[1]).make(content);
      default -> throw new Failure("read", "UnknownOperation", "", "", "");
    };
  }

  private synchronized Validator validator() throws Failure {
    if (validator == null) {
      try {
        validator = new Validator(packages, core()[1], definitions);
      } catch (Throwable error) {
        throw Failure.of("load", error);
      }
    }
    return validator;
  }

  /** Returns name and version of the package that defines FHIR. */
  private String[] core() {
    return packages.get(0).split("#");
  }

  private static String text(byte[] content) {
    return new String(content, StandardCharsets.UTF_8);
  }
}
