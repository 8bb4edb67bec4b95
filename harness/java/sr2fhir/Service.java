package sr2fhir;

import java.io.BufferedReader;
import java.io.DataInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.concurrent.ExecutorService;

/**
 * Does the same as {@link Main} for whoever knows its token, over connections to a port of the loopback address.
 *
 * <p>Its starter writes the token, a line, to standard input, and once it has written down port and token in the
 * record another line. If the input ends before that, nobody knows of the service, and it ends. Later it ends when
 * the record is gone or is another's.
 *
 * <p>A connection begins with a nonce of 32 bytes, which is replied to with the SHA-256 of token and nonce, so that
 * no document goes to a stranger who has got the port; then the token is sent. After that it is an {@link Exchange}.
 */
public final class Service {
  private static final int NONCE_BYTES = 32;
  private static final long LOOK_MS = 1000;

  /** How long a connection may be silent until it has proven that it knows the token. */
  private static final int HELLO_MS = 5000;

  private final byte[] token;
  private final Operations operations;
  private final ExecutorService workers;

  private Service(String token, Operations operations) {
    this.token = token.getBytes(StandardCharsets.US_ASCII);
    this.operations = operations;
    this.workers = Main.workers(operations.stackBytes);
  }

  /**
   * Takes a port, reads definitions and maps, says which port it is, and serves until the record is gone.
   *
   * @param arguments the port, or 0 for a free one; the file of the record; the others as for {@link Operations}
   * @throws IOException if the port is taken, or a file cannot be read
   */
  public static void main(String[] arguments) throws IOException {
    BufferedReader input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
    Exchange starter = Exchange.overStandardStreams();
    String token = input.readLine();
    Thread starting = thread("starter", () -> endUnlessLine(input));
    // first the port, which may be taken: reading the definitions takes longer
    try (ServerSocket server =
        new ServerSocket(Integer.parseInt(arguments[0]), 0, InetAddress.getLoopbackAddress())) {
      String[] others = Arrays.copyOfRange(arguments, 2, arguments.length);
      Service service = new Service(token, new Operations(others));
      starter.ready(Integer.toString(server.getLocalPort()));
      starting.join();
      thread("record", () -> watch(Path.of(arguments[1]), token));
      service.accept(server);
    } catch (Throwable error) {
      starter.refuse(0, Failure.of("start", error));
    }
  }

  private void accept(ServerSocket server) throws IOException {
    while (true) {
      Socket socket = server.accept();
      thread("connection", () -> serve(socket));
    }
  }

  /** Serves one connection; one that breaks or is a stranger's is closed without a word. */
  private void serve(Socket socket) {
    try (socket) {
      socket.setTcpNoDelay(true);
      socket.setSoTimeout(HELLO_MS);
      if (knowsToken(new DataInputStream(socket.getInputStream()), socket.getOutputStream())) {
        socket.setSoTimeout(0);
        Exchange exchange = Exchange.over(socket.getInputStream(), socket.getOutputStream());
        exchange.ready("");
        Main.serve(exchange, operations, workers);
      }
    } catch (IOException | GeneralSecurityException gone) {
      return;
    }
  }

  private boolean knowsToken(DataInputStream in, OutputStream out) throws IOException, GeneralSecurityException {
    MessageDigest digest = MessageDigest.getInstance("SHA-256");
    digest.update(token);
    out.write(digest.digest(in.readNBytes(NONCE_BYTES)));
    out.flush();
    return MessageDigest.isEqual(token, in.readNBytes(token.length));
  }

  private static Thread thread(String name, Runnable work) {
    Thread thread = new Thread(work, "sr2fhir-" + name);
    thread.setDaemon(true);
    thread.start();
    return thread;
  }

  private static void endUnlessLine(BufferedReader input) {
    try {
      if (input.readLine() != null) {
        return;
      }
    } catch (IOException gone) {
      // as if it had ended
    }
    Runtime.getRuntime().halt(0);
  }

  /** Ends the process when the record does not hold the token any more. */
  private static void watch(Path record, String token) {
    try {
      while (Files.readString(record).contains(token)) {
        Thread.sleep(LOOK_MS);
      }
    } catch (IOException | InterruptedException gone) {
      // nobody knows of the service
    }
    Runtime.getRuntime().halt(0);
  }
}
