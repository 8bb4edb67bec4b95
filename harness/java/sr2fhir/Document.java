package sr2fhir;

import com.google.gson.Strictness;
import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonToken;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.Deque;
import org.hl7.fhir.utilities.json.model.JsonArray;
import org.hl7.fhir.utilities.json.model.JsonBoolean;
import org.hl7.fhir.utilities.json.model.JsonElement;
import org.hl7.fhir.utilities.json.model.JsonLocationData;
import org.hl7.fhir.utilities.json.model.JsonNull;
import org.hl7.fhir.utilities.json.model.JsonNumber;
import org.hl7.fhir.utilities.json.model.JsonObject;
import org.hl7.fhir.utilities.json.model.JsonString;

/**
 * Reads a document of the logical model into the engine's own JSON tree.
 *
 * <p>The engine's reader stops at 500 levels, which are some 240 nested content items; a Structured Report may have
 * more. This one has no limit and does not recurse. Numbers keep their text.
 */
final class Document {
  private static final JsonLocationData NOWHERE = new JsonLocationData(0, 0);

  /** An object or array that is being read, and the name under which its owner takes it. */
  private record Open(JsonElement element, String name) {}

  private final JsonReader reader;
  private final Deque<Open> open = new ArrayDeque<>();
  private String name;
  private JsonElement done;

  private Document(byte[] text) {
    ByteArrayInputStream bytes = new ByteArrayInputStream(text);
    reader = new JsonReader(new InputStreamReader(bytes, StandardCharsets.UTF_8));
    reader.setStrictness(Strictness.STRICT);
    reader.setNestingLimit(Integer.MAX_VALUE);
  }

  /** Reads the object that a text holds. */
  static JsonObject read(byte[] text) throws IOException {
    Document document = new Document(text);
    while (document.done == null) {
      document.step();
    }
    return (JsonObject) document.done;
  }

  private void step() throws IOException {
    JsonToken token = reader.peek();
    switch (token) {
      case BEGIN_OBJECT -> begin(new JsonObject());
      case BEGIN_ARRAY -> begin(new JsonArray());
      case END_OBJECT, END_ARRAY -> end(token);
      case NAME -> name = reader.nextName();
      default -> take(name, simple(token));
    }
  }

  private void begin(JsonElement element) throws IOException {
    if (element instanceof JsonObject) {
      reader.beginObject();
    } else {
      reader.beginArray();
    }
    open.push(new Open(element, name));
  }

  private void end(JsonToken token) throws IOException {
    if (token == JsonToken.END_OBJECT) {
      reader.endObject();
    } else {
      reader.endArray();
    }
    Open closed = open.pop();
    take(closed.name(), closed.element());
  }

  private JsonElement simple(JsonToken token) throws IOException {
    return switch (token) {
      case STRING -> new JsonString(reader.nextString());
      case NUMBER -> new JsonNumber(reader.nextString());
      case BOOLEAN -> new JsonBoolean(reader.nextBoolean());
      default -> nothing();
    };
  }

  private JsonElement nothing() throws IOException {
    reader.nextNull();
    return new JsonNull();
  }

  /** Gives an element to the object or array around it; the outermost is the result. */
  private void take(String as, JsonElement element) {
    element.setStart(NOWHERE);
    element.setEnd(NOWHERE);
    if (open.isEmpty()) {
      done = element;
    } else if (open.peek().element() instanceof JsonObject owner) {
      owner.add(as, element);
    } else {
      ((JsonArray) open.peek().element()).add(element);
    }
  }
}
