package sr2fhir.hapi;

import java.net.InetAddress;
import org.eclipse.jetty.ee10.servlet.ServletContextHandler;
import org.eclipse.jetty.ee10.servlet.ServletHolder;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.server.handler.ContextHandlerCollection;
import org.eclipse.jetty.util.thread.QueuedThreadPool;

/**
 * FHIR servers for the tests: HAPI FHIR JPA, as many as are asked for, each with a database of its own in memory.
 *
 * <p>Started with the id of the process whose end it follows. It listens on loopback and prints its port.
 */
public final class Main {
  private static final int THREADS = 24;

  private Main() {}

  /** Starts listening. */
  public static void main(String[] arguments) throws Exception {
    ProcessHandle owner = ProcessHandle.of(Long.parseLong(arguments[0])).orElseThrow();
    owner.onExit().thenRun(() -> Runtime.getRuntime().halt(0));
    Server server = new Server(new QueuedThreadPool(THREADS));
    ServerConnector connector = new ServerConnector(server);
    connector.setHost(InetAddress.getLoopbackAddress().getHostAddress());
    server.addConnector(connector);
    ContextHandlerCollection contexts = new ContextHandlerCollection(true);
    ServletContextHandler control = new ServletContextHandler("/servers");
    control.addServlet(new ServletHolder(new Control(contexts)), "/*");
    contexts.addHandler(control);
    server.setHandler(contexts);
    server.start();
    System.out.println(connector.getLocalPort());
    System.out.flush();
  }
}
