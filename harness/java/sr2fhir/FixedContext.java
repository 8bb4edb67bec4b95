package sr2fhir;

import java.io.IOException;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import org.hl7.fhir.r5.context.SimpleWorkerContext;
import org.hl7.fhir.r5.model.Resource;
import org.hl7.fhir.r5.model.StructureDefinition;

/**
 * A context to which nothing is added any more, so that what was looked up once need not be again.
 *
 * <p>The engine asks for the definition of the type of every element that it sets, each time through all versions
 * and packages of it. So this is also where work is ended for which nobody waits any more, such as a transform that
 * took longer than its client was willing to wait: Java has no other way to end a thread.
 */
final class FixedContext extends SimpleWorkerContext {
  private final Map<String, Optional<StructureDefinition>> definitions = new ConcurrentHashMap<>();
  private final Map<String, Boolean> primitives = new ConcurrentHashMap<>();

  FixedContext(SimpleWorkerContext loaded) throws IOException {
    super(loaded);
  }

  @Override
  public <T extends Resource> T fetchResource(Class<T> kind, String url, VersionResolutionRules rules) {
    Exchange.checkAsker();
    if (kind != StructureDefinition.class || url == null || rules != VersionResolutionRules.defaultRule()) {
      return super.fetchResource(kind, url, rules);
    }
    // not computeIfAbsent: looking a definition up may look others up
    Optional<StructureDefinition> known = definitions.get(url);
    if (known == null) {
      known = Optional.ofNullable(super.fetchResource(StructureDefinition.class, url, rules));
      definitions.put(url, known);
    }
    return kind.cast(known.orElse(null));
  }

  @Override
  public boolean isPrimitiveType(String type) {
    Exchange.checkAsker();
    // not computeIfAbsent: it locks where several names share a place in the table, and this is asked for each element
    Boolean known = type == null ? null : primitives.get(type);
    if (known == null) {
      known = super.isPrimitiveType(type);
      if (type != null) {
        primitives.put(type, known);
      }
    }
    return known;
  }
}
