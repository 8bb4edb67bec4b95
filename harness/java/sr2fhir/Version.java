package sr2fhir;

import java.nio.file.Path;
import java.util.List;

/** One version of FHIR, each part of which is read when it is first asked for. */
final class Version {
  /** Makes a part. */
  private interface Maker<T> {
    T make() throws Exception;
  }

  /** A part that is read once; whoever asks meanwhile waits for it, and for nothing else. */
  private static final class Part<T> {
    private final Maker<T> maker;
    private T made;

    Part(Maker<T> maker) {
      this.maker = maker;
    }

    synchronized T get() throws Failure {
      if (made == null) {
        try {
          made = maker.make();
        } catch (Throwable error) {
          throw Failure.of("load", error);
        }
      }
      return made;
    }
  }

  private final Part<Engine> maps;
  private final Part<Engine> format;
  private final Part<Validator> validator;

  /**
   * Reads nothing yet.
   *
   * @param packages the FHIR packages for validating (id#version), the core first
   * @param files those of the small context: first this version's definitions, then R5's if that is another, then maps
   * @param definitions the folder of our definitions, which are R5's; for another version also the file of the
   *     extensions that stand there for elements of R5
   */
  Version(List<String> packages, List<Path> files, List<Path> definitions) {
    String[] core = packages.get(0).split("#");
    maps = new Part<>(() -> new Engine(files, core));
    boolean isR5 = core[1].startsWith("5.");
    format = isR5 ? maps : new Part<>(() -> Engine.ofDefinitions(files.get(0), core));
    validator = new Part<>(() -> new Validator(packages, core[1], definitions));
  }

  /** Returns the engine with the maps that lead to this version. */
  Engine maps() throws Failure {
    return maps.get();
  }

  /** Returns an engine that knows this version's resources under their own URLs. */
  Engine format() throws Failure {
    return format.get();
  }

  Validator validator() throws Failure {
    return validator.get();
  }
}
