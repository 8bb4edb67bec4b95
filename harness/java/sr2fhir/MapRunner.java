package sr2fhir;

import java.io.EOFException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.hl7.fhir.utilities.settings.FhirSettings;

/**
 * Executes maps with the HL7 engine for the process that started it.
 *
 * <p>Requests come on standard input and replies go to standard output, as {@link Exchange} describes. It ends
 * when its input ends, so it never outlives who started it.
 */
public final class MapRunner {
  private final Engine engine;
  private final Exchange exchange;

  private MapRunner(Engine engine, Exchange exchange) {
    this.engine = engine;
    this.exchange = exchange;
  }

  /**
   * Reads definitions and maps, says that it is ready, and serves until its input ends.
   *
   * @param arguments the engine's settings file, the stack of a thread in bytes, and the files of definitions and
   *     maps
   * @throws IOException if a file or a stream cannot be read
   */
  public static void main(String[] arguments) throws IOException {
    Exchange exchange = Exchange.overStandardStreams();
    FhirSettings.setExplicitFilePath(arguments[0]);
    List<Path> files = Arrays.stream(arguments).skip(2).map(Path::of).toList();
    MapRunner runner = new MapRunner(new Engine(files), exchange);
    exchange.ready();
    runner.serve(workers(Long.parseLong(arguments[1])));
  }

  /**
   * Makes a thread for each request that is open at a time: who asks decides how many. Their stacks are deep enough
   * for a deep content tree, and they keep nothing alive.
   */
  private static ExecutorService workers(long stackBytes) {
    return Executors.newCachedThreadPool(
        work -> {
          Thread thread = new Thread(null, work, "map-runner", stackBytes);
          thread.setDaemon(true);
          return thread;
        });
  }

  private void serve(ExecutorService workers) throws IOException {
    while (true) {
      Exchange.Request request;
      try {
        request = exchange.next();
      } catch (EOFException end) {
        return;
      }
      workers.execute(() -> answer(request));
    }
  }

  /** Answers one request; whatever goes wrong becomes the reply, for the other requests go on. */
  private void answer(Exchange.Request request) {
    try {
      exchange.reply(request.id(), perform(request));
    } catch (Failure failure) {
      exchange.refuse(request.id(), failure);
    } catch (Throwable error) {
      exchange.refuse(request.id(), Failure.of("write", error));
    }
  }

  private byte[] perform(Exchange.Request request) throws Failure {
    return switch (request.operation()) {
      case Exchange.TRANSFORM -> engine.transform(request.document(), request.map());
      case Exchange.TO_XML -> engine.toXml(request.document());
      default -> throw new Failure("read", "UnknownOperation", "", "", "");
    };
  }
}
