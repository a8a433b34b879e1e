import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Random;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Semaphore;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * An idempotent producer of Kafka's own for each partition, which sends until SIGTERM whatever becomes of the broker.
 *
 * Load BOOTSTRAP TOPIC ACKS CODEC ..
 *
 * Partition p gets the values `0 ..`, `1 ..`, `2 ..` with the p-th codec. Each acknowledgement is a line `p n offset` in the file ACKS.
 * `left N failed M` is printed at the end.
 */
public class Load {
  private static final int PER_SECOND = 600;
  private static final int WAITING = 500;
  private static final String PADDING = padding();

  private static String padding() {
    byte[] bytes = new byte[1000];
    new Random(1).nextBytes(bytes);
    return HexFormat.of().formatHex(bytes);
  }

  private static byte[] value(int n) {
    return (n + " " + PADDING.substring(0, (int) (n * 7919L % 2000))).getBytes(StandardCharsets.US_ASCII);
  }

  public static void main(String[] args) throws Exception {
    Stop.listen();
    List<KafkaProducer<byte[], byte[]>> producers = new ArrayList<>();
    for (int p = 3; p < args.length; p++) producers.add(producer(args[0], args[p]));
    Semaphore waiting = new Semaphore(WAITING * producers.size());
    Queue<String> failed = new ConcurrentLinkedQueue<>();
    try (var acks = new PrintWriter(args[2])) {
      for (int n = 0; !Stop.isAsked() && failed.isEmpty(); n++) {
        for (int p = 0; p < producers.size(); p++) {
          String record = p + " " + n;
          waiting.acquire();
          producers.get(p).send(new ProducerRecord<>(args[1], p, null, value(n)), (metadata, error) -> {
            waiting.release();
            if (error != null) failed.add(record + ": " + error);
            else
              synchronized (acks) {
                acks.println(record + " " + metadata.offset());
                acks.flush();
              }
          });
        }
        Thread.sleep(1, (1_000_000_000 / PER_SECOND) % 1_000_000);
      }
      producers.forEach(KafkaProducer::flush);
      producers.forEach(KafkaProducer::close);
      System.out.println("left " + (WAITING * producers.size() - waiting.availablePermits()) + " failed " + failed);
    }
  }

  private static KafkaProducer<byte[], byte[]> producer(String bootstrap, String codec) {
    Map<String, Object> settings = Map.of("bootstrap.servers", bootstrap, "compression.type", codec, "linger.ms", "5", "reconnect.backoff.max.ms", "500");
    return new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer());
  }
}
