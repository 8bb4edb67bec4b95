package sr2fhir;

import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;

/**
 * Reads requests and writes replies. Numbers are big-endian, a block is its length (4 bytes) and its bytes.
 *
 * <pre>
 * request: id (4 bytes), operation (1 byte), block map URL, block document
 * reply:   mark (4 bytes), id (4 bytes), 0, block result
 *          mark (4 bytes), id (4 bytes), 1, blocks stage, kind, text, group, rule
 * first:   a reply with id 0 and an empty result, once definitions and maps have been read
 * </pre>
 */
final class Exchange {
  static final int TRANSFORM = 'T';
  static final int TO_XML = 'X';

  private static final int BUFFER = 1 << 16;

  /** Begins each reply, so that nothing else that is printed is taken for one. */
  private static final byte[] MARK = {'S', 'R', '2', 'F'};

  /** One thing to do. */
  record Request(int id, int operation, String map, byte[] document) {}

  private final DataInputStream in;
  private final DataOutputStream out;

  private Exchange(DataInputStream in, DataOutputStream out) {
    this.in = in;
    this.out = out;
  }

  /** Takes the standard streams for itself; what the engine prints goes nowhere. */
  static Exchange overStandardStreams() {
    DataInputStream in = new DataInputStream(new BufferedInputStream(System.in, BUFFER));
    OutputStream out = new BufferedOutputStream(new FileOutputStream(FileDescriptor.out), BUFFER);
    PrintStream nowhere = new PrintStream(OutputStream.nullOutputStream());
    System.setOut(nowhere);
    System.setErr(nowhere);
    return new Exchange(in, new DataOutputStream(out));
  }

  void ready() throws IOException {
    send(0, new byte[0]);
  }

  /** Waits for the next request; throws EOFException when there is none any more. */
  Request next() throws IOException {
    int id = in.readInt();
    int operation = in.readUnsignedByte();
    String map = new String(block(), StandardCharsets.UTF_8);
    return new Request(id, operation, map, block());
  }

  void reply(int id, byte[] result) {
    try {
      send(id, result);
    } catch (IOException gone) {
      leave();
    }
  }

  void refuse(int id, Failure failure) {
    String[] parts = {failure.stage, failure.kind, failure.text, failure.group, failure.rule};
    try {
      sendFailure(id, parts);
    } catch (IOException gone) {
      leave();
    }
  }

  private synchronized void send(int id, byte[] result) throws IOException {
    out.write(MARK);
    out.writeInt(id);
    out.writeByte(0);
    write(result);
    out.flush();
  }

  private synchronized void sendFailure(int id, String[] parts) throws IOException {
    out.write(MARK);
    out.writeInt(id);
    out.writeByte(1);
    for (String part : parts) {
      write(part.getBytes(StandardCharsets.UTF_8));
    }
    out.flush();
  }

  private void write(byte[] block) throws IOException {
    out.writeInt(block.length);
    out.write(block);
  }

  private byte[] block() throws IOException {
    int length = in.readInt();
    byte[] bytes = in.readNBytes(length);
    if (bytes.length < length) {
      throw new EOFException();
    }
    return bytes;
  }

  /** Ends the process: nobody reads the replies any more. */
  private static void leave() {
    Runtime.getRuntime().halt(1);
  }
}
