package sr2fhir.hapi;

import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.util.HashMap;
import java.util.Map;
import org.eclipse.jetty.ee10.servlet.ServletContextHandler;
import org.eclipse.jetty.ee10.servlet.ServletHolder;
import org.eclipse.jetty.server.handler.ContextHandlerCollection;
import org.springframework.context.annotation.AnnotationConfigApplicationContext;

/**
 * Makes and ends servers, one request after the other.
 *
 * <p>{@code POST /servers/NAME?setting=value} makes one, unless it is there; its base URL is then {@code /NAME/fhir}.
 * {@code DELETE /servers/NAME} ends it, and nothing is left of what it held.
 */
final class Control extends HttpServlet {
  private static final long serialVersionUID = 1;

  /** The parts of a server. */
  private record Running(AnnotationConfigApplicationContext beans, ServletContextHandler handler) {}

  private final transient ContextHandlerCollection contexts;
  private final transient Map<String, Running> running = new HashMap<>();

  Control(ContextHandlerCollection contexts) {
    this.contexts = contexts;
  }

  @Override
  protected synchronized void service(HttpServletRequest request, HttpServletResponse response)
      throws IOException {
    String name = request.getPathInfo().substring(1);
    try {
      if (request.getMethod().equals("DELETE")) {
        end(name);
      } else if (!running.containsKey(name)) {
        start(Settings.of(name, request));
      }
    } catch (Exception error) {
      response.setStatus(HttpServletResponse.SC_INTERNAL_SERVER_ERROR);
      error.printStackTrace(response.getWriter());
    }
  }

  private void start(Settings settings) throws Exception {
    AnnotationConfigApplicationContext beans = new AnnotationConfigApplicationContext();
    try {
      beans.registerBean(Settings.class, () -> settings);
      beans.register(Storage.class, Endpoint.configuration(settings.version()));
      beans.refresh();
      ServletContextHandler handler = new ServletContextHandler("/" + settings.name());
      handler.addServlet(new ServletHolder(Endpoint.servlet(beans, settings)), "/fhir/*");
      contexts.addHandler(handler);
      handler.start();
      running.put(settings.name(), new Running(beans, handler));
    } catch (Exception error) {
      beans.close();
      throw error;
    }
  }

  private void end(String name) throws Exception {
    Running ended = running.remove(name);
    if (ended != null) {
      ended.handler().stop();
      contexts.removeHandler(ended.handler());
      ended.beans().close();
    }
  }
}
