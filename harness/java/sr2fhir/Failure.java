package sr2fhir;

/** Says why a request failed, for whoever asked to put into words: the engine's own words quote values. */
final class Failure extends Exception {
  private static final long serialVersionUID = 1;

  /** How far it had come: reading the document, executing the map, writing the result. */
  final String stage;

  /** The class of the exception, without its package. */
  final String kind;

  /** The engine's message. */
  final String text;

  /** Group and rule that were being executed; empty where unknown. */
  final String group;

  final String rule;

  Failure(String stage, String kind, String text, String group, String rule) {
    super(kind, null, false, false);
    this.stage = stage;
    this.kind = kind;
    this.text = text;
    this.group = group;
    this.rule = rule;
  }

  static Failure of(String stage, Throwable error) {
    if (error instanceof Failure known) {
      return new Failure(stage, known.kind, known.text, known.group, known.rule);
    }
    String text = error.getMessage() == null ? "" : error.getMessage();
    return new Failure(stage, error.getClass().getSimpleName(), text, "", "");
  }

  /** Adds where in the maps it happened. */
  Failure at(String where, String what) {
    return new Failure(stage, kind, text, where, what);
  }
}
