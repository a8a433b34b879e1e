import java.io.BufferedOutputStream;
import java.io.ByteArrayInputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.FileOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Future;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Records with Kafka's own client, from and to files, whose form record-file.ts describes.
 *
 * produce BOOTSTRAP FILE TOPIC:SETTING=VALUE,.. ..   sends the file's records to each topic; each must get the offset that the file has for it
 * read BOOTSTRAP FOLDER COUNT TOPIC ..               reads COUNT records of each topic, by assignment, into FOLDER/TOPIC
 * group BOOTSTRAP FOLDER COUNT GROUP TOPIC ..        the same in a group, which commits
 */
public class Records {
  private static final Duration DEADLINE = Duration.ofSeconds(60);

  record Flat(int partition, long offset, long timestamp, byte[] key, byte[] value, List<Header> headers) {}

  public static void main(String[] args) throws Exception {
    List<String> rest = Arrays.asList(args);
    switch (args[0]) {
      case "produce" -> produce(args[1], args[2], rest.subList(3, args.length));
      case "read" -> read(args[1], args[2], Integer.parseInt(args[3]), null, rest.subList(4, args.length));
      case "group" -> read(args[1], args[2], Integer.parseInt(args[3]), args[4], rest.subList(5, args.length));
      default -> throw new IllegalArgumentException(args[0]);
    }
  }

  private static void produce(String bootstrap, String file, List<String> topics) throws Exception {
    List<Flat> records = readFile(Path.of(file));
    for (String argument : topics) {
      String[] topicAndSettings = argument.split(":");
      String topic = topicAndSettings[0];
      Map<String, Object> settings = new HashMap<>(Map.of("bootstrap.servers", bootstrap, "linger.ms", "5"));
      for (String setting : topicAndSettings[1].split(",")) settings.put(setting.split("=")[0], setting.split("=")[1]);
      try (var producer = new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer())) {
        List<Future<RecordMetadata>> sent = new ArrayList<>();
        for (Flat each : records)
          sent.add(producer.send(new ProducerRecord<>(topic, each.partition, each.timestamp, each.key, each.value, each.headers)));
        for (int n = 0; n < sent.size(); n++) {
          long offset = sent.get(n).get().offset();
          if (offset != records.get(n).offset)
            throw new IllegalStateException("record " + n + " of " + topic + ": offset " + offset + " instead of " + records.get(n).offset);
        }
      }
    }
  }

  private static void read(String bootstrap, String folder, int count, String group, List<String> topics) throws IOException {
    Map<String, Object> settings = new HashMap<>(Map.of("bootstrap.servers", bootstrap, "auto.offset.reset", "earliest", "enable.auto.commit", "false"));
    if (group != null) settings.put("group.id", group);
    Map<String, List<Flat>> read = new HashMap<>();
    topics.forEach(topic -> read.put(topic, new ArrayList<>()));
    try (var consumer = new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
      if (group != null) consumer.subscribe(topics);
      else consumer.assign(topics.stream().flatMap(topic -> consumer.partitionsFor(topic).stream()).map(each -> new TopicPartition(each.topic(), each.partition())).toList());
      long deadline = System.nanoTime() + DEADLINE.toNanos();
      while (read.values().stream().anyMatch(some -> some.size() < count)) {
        if (System.nanoTime() > deadline) throw new IllegalStateException("too few records of " + topics);
        for (ConsumerRecord<byte[], byte[]> each : consumer.poll(Duration.ofMillis(200)))
          read.get(each.topic()).add(new Flat(each.partition(), each.offset(), each.timestamp(), each.key(), each.value(), List.of(each.headers().toArray())));
      }
      if (group != null) consumer.commitSync();
    }
    for (var topic : read.entrySet()) writeFile(Path.of(folder, topic.getKey()), topic.getValue());
  }

  private static List<Flat> readFile(Path file) throws IOException {
    List<Flat> records = new ArrayList<>();
    try (var in = new DataInputStream(new ByteArrayInputStream(Files.readAllBytes(file)))) {
      while (in.available() > 0) {
        int partition = in.readInt();
        long offset = in.readLong();
        long timestamp = in.readLong();
        byte[] key = readField(in);
        byte[] value = readField(in);
        List<Header> headers = new ArrayList<>();
        for (int left = in.readInt(); left > 0; left--) headers.add(new RecordHeader(new String(readField(in), StandardCharsets.UTF_8), readField(in)));
        records.add(new Flat(partition, offset, timestamp, key, value, headers));
      }
    }
    return records;
  }

  private static byte[] readField(DataInputStream in) throws IOException {
    int length = in.readInt();
    if (length < 0) return null;
    byte[] bytes = in.readNBytes(length);
    if (bytes.length < length) throw new EOFException();
    return bytes;
  }

  private static void writeFile(Path file, List<Flat> records) throws IOException {
    try (var out = new DataOutputStream(new BufferedOutputStream(new FileOutputStream(file.toFile())))) {
      for (Flat each : records) {
        out.writeInt(each.partition);
        out.writeLong(each.offset);
        out.writeLong(each.timestamp);
        writeField(out, each.key);
        writeField(out, each.value);
        out.writeInt(each.headers.size());
        for (Header header : each.headers) {
          writeField(out, header.key().getBytes(StandardCharsets.UTF_8));
          writeField(out, header.value());
        }
      }
    }
  }

  private static void writeField(DataOutputStream out, byte[] bytes) throws IOException {
    out.writeInt(bytes == null ? -1 : bytes.length);
    if (bytes != null) out.write(bytes);
  }
}
