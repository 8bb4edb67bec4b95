package sr2fhir.hapi;

import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.context.support.DefaultProfileValidationSupport;
import ca.uhn.fhir.interceptor.api.Hook;
import ca.uhn.fhir.interceptor.api.Interceptor;
import ca.uhn.fhir.interceptor.api.Pointcut;
import ca.uhn.fhir.jpa.api.dao.DaoRegistry;
import ca.uhn.fhir.jpa.searchparam.SearchParameterMap;
import ca.uhn.fhir.rest.annotation.Operation;
import ca.uhn.fhir.rest.api.server.RequestDetails;
import ca.uhn.fhir.rest.api.server.SystemRequestDetails;
import ca.uhn.fhir.rest.server.exceptions.InvalidRequestException;
import ca.uhn.fhir.rest.server.exceptions.ResourceNotFoundException;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import org.hl7.fhir.instance.model.api.IBaseResource;
import org.hl7.fhir.r5.context.SimpleWorkerContext;
import org.hl7.fhir.r5.elementmodel.Element;
import org.hl7.fhir.r5.elementmodel.JsonParser;
import org.hl7.fhir.r5.elementmodel.Manager;
import org.hl7.fhir.r5.elementmodel.Manager.FhirFormat;
import org.hl7.fhir.r5.formats.IParser.OutputStyle;
import org.hl7.fhir.r5.model.Binary;
import org.hl7.fhir.r5.model.Parameters;
import org.hl7.fhir.r5.model.Resource;
import org.hl7.fhir.r5.model.StructureDefinition;
import org.hl7.fhir.r5.model.StructureMap;
import org.hl7.fhir.r5.model.StructureMap.StructureMapModelMode;
import org.hl7.fhir.r5.model.StructureMap.StructureMapStructureComponent;
import org.hl7.fhir.r5.utils.structuremap.StructureMapUtilities;
import org.hl7.fhir.utilities.ByteProvider;
import org.hl7.fhir.utilities.json.model.JsonObject;
import org.hl7.fhir.validation.TransformSupportServices;

/**
 * The operation StructureMap/$transform, which HAPI lacks, by the HL7 core that HAPI brings.
 *
 * <p>It is asked as FHIR R5 says: Parameters with source and content, or the document as the body and the map in the
 * query. Maps, models and concept maps are those that the server stores; they are read anew when one was written.
 */
@Interceptor
public final class Transform {
  private static final String CONTENT_TYPE = "application/fhir+json;charset=UTF-8";
  private static final List<String> STORED = List.of("StructureDefinition", "ConceptMap", "StructureMap");

  /** What the server held after so many requests that wrote. */
  private record Held(int writes, SimpleWorkerContext context) {}

  private final FhirContext fhir;
  private final DaoRegistry store;
  private final AtomicInteger writes = new AtomicInteger();
  private SimpleWorkerContext definitions;
  private Held held;

  Transform(FhirContext fhir, DaoRegistry store) {
    this.fhir = fhir;
    this.store = store;
  }

  /** Notes that something may have been written: called when it is stored, and before the client is told. */
  @Hook(Pointcut.SERVER_OUTGOING_RESPONSE)
  public void written(RequestDetails request) {
    switch (request.getRestOperationType()) {
      case CREATE, UPDATE, PATCH, DELETE, TRANSACTION -> writes.incrementAndGet();
      default -> {}
    }
  }

  /** Answers the operation. */
  @Operation(name = "$transform", typeName = "StructureMap", manualRequest = true, manualResponse = true)
  public void transform(HttpServletRequest request, HttpServletResponse response) throws IOException {
    byte[] body = request.getInputStream().readAllBytes();
    String map = request.getParameter("source");
    byte[] result;
    if (map == null) {
      Parameters parameters =
          fhir.newJsonParser().parseResource(Parameters.class, new String(body, StandardCharsets.UTF_8));
      result = result(content(parameters), parameters.getParameterValue("source").primitiveValue());
    } else {
      result = result(body, map);
    }
    response.setContentType(CONTENT_TYPE);
    response.getOutputStream().write(result);
  }

  private static byte[] content(Parameters parameters) {
    if (parameters.getParameterValue("source") != null
        && parameters.getParameter("content").getResource() instanceof Binary binary) {
      return binary.getData();
    }
    throw new InvalidRequestException("no source, or no content that is a Binary");
  }

  private byte[] result(byte[] document, String url) throws IOException {
    SimpleWorkerContext context = context();
    StructureMap map = context.fetchResource(StructureMap.class, url);
    if (map == null) {
      throw new ResourceNotFoundException("StructureMap " + url + " not found");
    }
    JsonParser parser = new JsonParser(context);
    parser.setLogical(structure(context, map, StructureMapModelMode.SOURCE));
    JsonObject read = org.hl7.fhir.utilities.json.parser.JsonParser.parseObject(document);
    Element source = parser.parse(new ArrayList<>(), read);
    Element target = Manager.build(context, structure(context, map, StructureMapModelMode.TARGET));
    TransformSupportServices services = new TransformSupportServices(new ArrayList<>(), null, context);
    new StructureMapUtilities(context, services).transform(null, source, map, target);
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    Manager.compose(context, target, out, FhirFormat.JSON, OutputStyle.NORMAL, null);
    return out.toByteArray();
  }

  /** Returns the first structure that a map uses in a mode. */
  private static StructureDefinition structure(
      SimpleWorkerContext context, StructureMap map, StructureMapModelMode mode) {
    for (StructureMapStructureComponent use : map.getStructure()) {
      StructureDefinition found = context.fetchResource(StructureDefinition.class, use.getUrl());
      if (use.getMode() == mode && found != null) {
        return found;
      }
    }
    throw new ResourceNotFoundException("the " + mode.toCode() + " structure of " + map.getUrl() + " is not here");
  }

  /** Returns the definitions of FHIR with what the server stores. */
  private synchronized SimpleWorkerContext context() throws IOException {
    int now = writes.get();
    if (held == null || held.writes() != now) {
      if (definitions == null) {
        definitions = definitions();
      }
      SimpleWorkerContext context = new SimpleWorkerContext(definitions);
      for (String type : STORED) {
        for (IBaseResource each : stored(type)) {
          context.cacheResource((Resource) each);
        }
      }
      held = new Held(now, context);
    }
    return held.context();
  }

  private SimpleWorkerContext definitions() throws IOException {
    String version = fhir.getVersion().getVersion().getFhirVersionString();
    byte[] info = ("version=" + version).getBytes(StandardCharsets.US_ASCII);
    SimpleWorkerContext context =
        new SimpleWorkerContext.SimpleWorkerContextBuilder()
            .withAllowLoadingDuplicates(true)
            .fromDefinitions(Map.of("version.info", ByteProvider.forBytes(info)), null, null);
    for (IBaseResource each : new DefaultProfileValidationSupport(fhir).fetchAllStructureDefinitions()) {
      context.cacheResource((Resource) each);
    }
    return context;
  }

  private List<IBaseResource> stored(String type) {
    SearchParameterMap all = SearchParameterMap.newSynchronous();
    return store.getResourceDao(type).search(all, new SystemRequestDetails()).getAllResources();
  }
}
