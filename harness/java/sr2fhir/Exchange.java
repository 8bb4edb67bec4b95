package sr2fhir;

import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.List;

/**
 * Reads requests and writes replies. Numbers are big-endian, a block is its length (4 bytes) and its bytes.
 *
 * <pre>
 * request: id (4 bytes), operation (1 byte), block version of FHIR, block name, block content
 * reply:   mark (4 bytes), id (4 bytes), 0, block result
 *          mark (4 bytes), id (4 bytes), 1, blocks stage, kind, text, group, rule
 * first:   a reply with id 0, once definitions and maps of the first version have been read
 *
 * operation              name                content               result
 * T  transform           URL of the map      document              resource
 * D  transform twice     URLs of both maps   document              blocks: what each map made; see {@link Engine}
 * X  convert to XML                          resource              XML
 * C  compile a map       its name            text of the map       StructureMap
 * L  load              "maps" or "validator"
 * V  validate            further profiles    resource              messages, see {@link Validator}
 * S  make a snapshot     folder with others  StructureDefinition   the same with its snapshot
 * J  read R4 from XML                        resource of R4, XML   the same as JSON
 * </pre>
 */
final class Exchange {
  private static final int BUFFER = 1 << 16;

  /** Begins each reply, so that nothing else that is printed is taken for one. */
  private static final byte[] MARK = {'S', 'R', '2', 'F'};

  /** One thing to do. */
  record Request(int id, int operation, String version, String name, byte[] content) {}

  /** For whom a thread works. */
  private static final ThreadLocal<Exchange> ASKER = new ThreadLocal<>();

  /** Ends work for which nobody waits any more. */
  static final class AbandonedError extends Error {
    private static final long serialVersionUID = 1;

    AbandonedError() {
      super(null, null, false, false);
    }
  }

  private final DataInputStream in;
  private final DataOutputStream out;
  private volatile boolean isOver;

  private Exchange(DataInputStream in, DataOutputStream out) {
    this.in = in;
    this.out = out;
  }

  /** Takes the standard streams for itself; what the engine prints goes nowhere. */
  static Exchange overStandardStreams() {
    PrintStream nowhere = new PrintStream(OutputStream.nullOutputStream());
    System.setOut(nowhere);
    System.setErr(nowhere);
    return over(System.in, new FileOutputStream(FileDescriptor.out));
  }

  static Exchange over(InputStream in, OutputStream out) {
    return new Exchange(
        new DataInputStream(new BufferedInputStream(in, BUFFER)),
        new DataOutputStream(new BufferedOutputStream(out, BUFFER)));
  }

  /** Notes that this thread works for who is at the other end. */
  void workFor() {
    ASKER.set(this);
  }

  /** Notes that nobody is at the other end any more. */
  void end() {
    isOver = true;
  }

  /** Throws AbandonedError if nobody waits for what this thread does. */
  static void checkAsker() {
    Exchange asker = ASKER.get();
    if (asker != null && asker.isOver) {
      throw new AbandonedError();
    }
  }

  void ready(String how) throws IOException {
    send(0, how.getBytes(StandardCharsets.UTF_8));
  }

  /** Waits for the next request; throws EOFException when there is none any more. */
  Request next() throws IOException {
    int id = in.readInt();
    int operation = in.readUnsignedByte();
    String version = new String(block(), StandardCharsets.UTF_8);
    String name = new String(block(), StandardCharsets.UTF_8);
    return new Request(id, operation, version, name, block());
  }

  /** Sends a result; if nobody reads it any more, the next request will not come either. */
  void reply(int id, byte[] result) {
    try {
      send(id, result);
    } catch (IOException gone) {
      // see above
    }
  }

  void refuse(int id, Failure failure) {
    String[] parts = {failure.stage, failure.kind, failure.text, failure.group, failure.rule};
    try {
      sendFailure(id, parts);
    } catch (IOException gone) {
      // as for a result
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

  /** Writes several results as one. */
  static byte[] blocks(List<byte[]> results) {
    ByteBuffer all = ByteBuffer.allocate(results.stream().mapToInt(each -> Integer.BYTES + each.length).sum());
    results.forEach(each -> all.putInt(each.length).put(each));
    return all.array();
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
}
