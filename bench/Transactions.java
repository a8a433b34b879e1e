import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.UUID;
import java.util.concurrent.Future;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Small transactions, one after the other: one record of 128 bytes to each partition, and the commit.
 *
 * ADDRESS TOPIC PARTITIONS TRANSACTIONS   a quarter as many come before the measured ones
 *
 * Prints the average, the median and the 99th percentile of a transaction in milliseconds.
 */
public class Transactions {
  public static void main(String[] args) throws Exception {
    String topic = args[1];
    int partitions = Integer.parseInt(args[2]);
    int count = Integer.parseInt(args[3]);
    byte[] value = new byte[128];
    Properties settings = new Properties();
    settings.putAll(Map.of("bootstrap.servers", args[0], "transactional.id", "bench-" + UUID.randomUUID()));
    try (var producer = new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer())) {
      producer.initTransactions();
      double[] took = new double[count];
      for (int n = -count / 4; n < count; n++) {
        long from = System.nanoTime();
        producer.beginTransaction();
        List<Future<RecordMetadata>> sent = new ArrayList<>();
        for (int partition = 0; partition < partitions; partition++) sent.add(producer.send(new ProducerRecord<>(topic, partition, null, value)));
        // A busy machine may have commitTransaction() itself overlook what was sent just before it, which the broker refuses.
        producer.flush();
        for (var each : sent) each.get();
        producer.commitTransaction();
        if (n >= 0) took[n] = (System.nanoTime() - from) / 1e6;
      }
      Arrays.sort(took);
      System.out.printf("Avg latency: %.3f ms, median %.3f ms, 99th %.3f ms%n", Arrays.stream(took).average().orElseThrow(), took[count / 2], took[(int) (count * 0.99)]);
    }
  }
}
