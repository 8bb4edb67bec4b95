package sr2fhir;

import java.io.EOFException;
import java.io.IOException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/**
 * Does what the process that started it asks for, with the HL7 engine.
 *
 * <p>Requests come on standard input and replies go to standard output, as {@link Exchange} describes. It ends
 * when its input ends, so it never outlives who started it.
 */
public final class Main {
  private Main() {}

  /**
   * Reads definitions and maps, says that it is ready, and serves until its input ends.
   *
   * @param arguments as for {@link Operations}
   * @throws IOException if a stream cannot be read
   */
  public static void main(String[] arguments) throws IOException {
    Exchange exchange = Exchange.overStandardStreams();
    Operations operations;
    try {
      operations = new Operations(arguments);
    } catch (Throwable error) {
      exchange.refuse(0, Failure.of("start", error));
      return;
    }
    exchange.ready("");
    serve(exchange, operations, workers(operations.stackBytes));
  }

  /**
   * Makes a thread for each request that is open at a time: who asks decides how many. Their stacks are deep enough
   * for a deep content tree, and they keep nothing alive.
   */
  static ExecutorService workers(long stackBytes) {
    return Executors.newCachedThreadPool(
        work -> {
          Thread thread = new Thread(null, work, "sr2fhir-worker", stackBytes);
          thread.setDaemon(true);
          return thread;
        });
  }

  /** Serves until no more requests come; then nobody waits for what is under way, either. */
  static void serve(Exchange exchange, Operations operations, ExecutorService workers) throws IOException {
    try {
      while (true) {
        Exchange.Request request = exchange.next();
        workers.execute(() -> reply(exchange, operations, request));
      }
    } catch (EOFException end) {
      return;
    } finally {
      exchange.end();
    }
  }

  /** Does what one request asks for; whatever goes wrong becomes the reply, for the other requests go on. */
  private static void reply(Exchange exchange, Operations operations, Exchange.Request request) {
    exchange.workFor();
    try {
      exchange.reply(request.id(), operations.perform(request));
    } catch (Failure failure) {
      exchange.refuse(request.id(), failure);
    } catch (Throwable error) {
      exchange.refuse(request.id(), Failure.of("write", error));
    }
  }
}
