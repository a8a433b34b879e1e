import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Consume, transform, produce, exactly once, until SIGTERM: the transactional id is the worker's, and the group's generation, sent with the
 * offsets, fences it when its partitions are another's.
 *
 * Transform BOOTSTRAP GROUP INPUT OUTPUT NAME OUTPUT_PARTITIONS MAX_RECORDS ABORT_EVERY SESSION_TIMEOUT_MS TRANSACTION_TIMEOUT_MS
 *
 * What it reads, writes and prints: see Transformer in test/cluster/transform-workers.ts.
 */
public class Transform {
  private final String group;
  private final String input;
  private final String output;
  private final String name;
  private final int outputPartitions;
  private final int abortEvery;
  private final Map<String, Object> consumerSettings;
  private final Map<String, Object> producerSettings;
  private int transactions;

  private Transform(String[] args) {
    group = args[1];
    input = args[2];
    output = args[3];
    name = args[4];
    outputPartitions = Integer.parseInt(args[5]);
    abortEvery = Integer.parseInt(args[7]);
    consumerSettings = Map.of(
        "bootstrap.servers", args[0],
        "group.id", group,
        "enable.auto.commit", false,
        "auto.offset.reset", "earliest",
        "isolation.level", "read_committed",
        "max.poll.records", args[6],
        "session.timeout.ms", args[8],
        "heartbeat.interval.ms", 300,
        "fetch.max.wait.ms", 200,
        "reconnect.backoff.max.ms", 500);
    producerSettings = Map.of(
        "bootstrap.servers", args[0],
        "transactional.id", group + "-" + name,
        "transaction.timeout.ms", args[9],
        "max.block.ms", 30_000,
        "linger.ms", 2,
        "reconnect.backoff.max.ms", 500);
  }

  public static void main(String[] args) throws Exception {
    Stop.listen();
    Transform transform = new Transform(args);
    // What one pair of clients cannot go on with, the next can.
    while (!Stop.isAsked()) {
      try {
        transform.run();
      } catch (KafkaException | IllegalStateException e) { // the latter: a commit that timed out cannot be followed by an abort
        say("begins again: " + why(e));
        Thread.sleep(100);
      }
    }
  }

  private void run() {
    try (var consumer = new KafkaConsumer<String, String>(consumerSettings, new StringDeserializer(), new StringDeserializer());
        var producer = new KafkaProducer<String, String>(producerSettings, new StringSerializer(), new StringSerializer())) {
      producer.initTransactions();
      consumer.subscribe(List.of(input));
      while (!Stop.isAsked()) {
        ConsumerRecords<String, String> records = consumer.poll(Duration.ofMillis(200));
        if (records.isEmpty()) continue;
        if (!transact(consumer, producer, records)) goBack(consumer);
      }
    }
  }

  /** @return whether it committed; what cannot be aborted is thrown */
  private boolean transact(KafkaConsumer<String, String> consumer, KafkaProducer<String, String> producer, ConsumerRecords<String, String> records) {
    boolean isAborted = ++transactions % abortEvery == 0;
    Map<TopicPartition, OffsetAndMetadata> ends = new HashMap<>();
    Map<TopicPartition, Long> begins = new HashMap<>();
    producer.beginTransaction();
    try {
      for (ConsumerRecord<String, String> record : records) {
        TopicPartition partition = new TopicPartition(record.topic(), record.partition());
        String[] words = record.value().split(" ");
        String value = words[0] + " " + words[1] + " " + record.offset() + " " + (isAborted ? "aborted" : name);
        producer.send(new ProducerRecord<>(output, Integer.parseInt(words[1]) % outputPartitions, null, value));
        begins.putIfAbsent(partition, record.offset());
        ends.put(partition, new OffsetAndMetadata(record.offset() + 1));
      }
      producer.sendOffsetsToTransaction(ends, consumer.groupMetadata());
      if (!isAborted) {
        producer.commitTransaction();
        ends.forEach((partition, end) -> say("committed " + partition.partition() + " " + begins.get(partition) + " " + end.offset()));
        return true;
      }
    } catch (KafkaException e) {
      say("aborts: " + why(e));
    }
    producer.abortTransaction();
    return false;
  }

  /** To what is committed: what was polled since then comes again. */
  private void goBack(KafkaConsumer<String, String> consumer) {
    Set<TopicPartition> assigned = new HashSet<>(consumer.assignment());
    Map<TopicPartition, OffsetAndMetadata> committed = consumer.committed(assigned);
    for (TopicPartition partition : assigned) {
      OffsetAndMetadata offset = committed.get(partition);
      consumer.seek(partition, offset == null ? 0 : offset.offset());
    }
  }

  private static String why(Throwable error) {
    return error.getCause() == null ? error.toString() : error + ", since " + why(error.getCause());
  }

  private static void say(String text) {
    System.out.println(Instant.now() + " " + text);
  }
}
