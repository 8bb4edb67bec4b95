package sr2fhir;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.hl7.fhir.utilities.settings.FhirSettings;

/** What can be asked for. The first version's small context is read at once, all else when it is first needed. */
final class Operations {
  /** Begins what belongs to one version of FHIR. */
  private static final String NEXT = "--";

  private static final int SETTINGS = 2;

  /** The stack of a thread that works. */
  final long stackBytes;

  /** By the version's number. */
  private final Map<String, Version> versions = new LinkedHashMap<>();

  private final List<String> core = new ArrayList<>();

  /**
   * Reads the small context of the first version.
   *
   * @param arguments the engine's settings file and the stack of a thread in bytes; then for each version of FHIR
   *     {@code --}, the FHIR packages for validating (id#version, separated by commas, the core first), our own
   *     definitions for validating (a folder, and perhaps a file, separated as in a class path), and the files of the
   *     small context, as {@link Version} wants them
   */
  Operations(String[] arguments) throws IOException, Failure {
    FhirSettings.setExplicitFilePath(arguments[0]);
    stackBytes = Long.parseLong(arguments[1]);
    for (List<String> part : parts(Arrays.asList(arguments).subList(SETTINGS, arguments.length))) {
      List<String> packages = List.of(part.get(0).split(","));
      List<Path> definitions = paths(Arrays.stream(part.get(1).split(File.pathSeparator)));
      List<Path> files = paths(part.stream().skip(2));
      core.add(packages.get(0));
      versions.put(packages.get(0).split("#")[1], new Version(packages, files, definitions));
    }
    for (Version first : versions.values()) {
      first.maps();
      break;
    }
  }

  private static List<Path> paths(Stream<String> names) {
    return names.map(Path::of).toList();
  }

  /** Splits arguments at each mark. */
  private static List<List<String>> parts(List<String> arguments) {
    List<List<String>> parts = new ArrayList<>();
    for (String argument : arguments) {
      if (argument.equals(NEXT)) {
        parts.add(new ArrayList<>());
      } else {
        parts.get(parts.size() - 1).add(argument);
      }
    }
    return parts;
  }

  byte[] perform(Exchange.Request request) throws Failure {
    byte[] content = request.content();
    String name = request.name();
    return switch (request.operation()) {
      case 'T' -> version(request).maps().transform(content, name);
      case 'D' -> both(version(request).maps(), name.split(" ", 2), content);
      case 'X' -> version(request).format().toXml(content);
      case 'C' -> version(request).maps().compile(text(content), name);
      case 'L' -> load(version(request), name);
      case 'V' -> version(request).validator().validate(content, name);
      case 'S' -> Snapshots.of(Path.of(name), core.get(0), core.get(0).split("#")[1]).make(content);
      case 'J' -> R4Definitions.fromXml(content);
      default -> throw new Failure("read", "UnknownOperation", "", "", "");
    };
  }

  /** Transforms by a map of the first version, and what that makes by a map of the engine's version. */
  private byte[] both(Engine next, String[] maps, byte[] document) throws Failure {
    Engine first = versions.values().iterator().next().maps();
    return Exchange.blocks(first.transform(document, maps[0], next, maps[1]));
  }

  private static byte[] load(Version version, String part) throws Failure {
    if (part.equals("maps")) {
      version.maps();
    } else {
      version.validator();
    }
    return new byte[0];
  }

  private Version version(Exchange.Request request) throws Failure {
    Version version = versions.get(request.version());
    if (version == null) {
      throw new Failure("read", "Unknown", "version of FHIR " + request.version(), "", "");
    }
    return version;
  }

  private static String text(byte[] content) {
    return new String(content, StandardCharsets.UTF_8);
  }
}
