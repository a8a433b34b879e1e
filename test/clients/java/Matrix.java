import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Properties;
import java.util.Set;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.consumer.ConsumerGroupMetadata;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.Node;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.ProducerFencedException;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * What the Java client of the matrix tries: java Matrix BOOTSTRAP PREFIX SHARED FEATURES. See ../matrix/program.ts for what is printed.
 * Compiled and run with each version of the client.
 */
public class Matrix {
  private static final Duration DEADLINE = Duration.ofSeconds(25);
  private static final long FIRST_TIMESTAMP = 1_700_000_000_000L;
  private static final List<String> CODECS = List.of("none", "gzip", "snappy", "lz4", "zstd");
  private static final List<Flat> RECORDS = IntStream.range(0, 20).mapToObj(Matrix::matrixRecord).toList();

  /** A record as it is compared: bytes as text, one character each. */
  record Flat(String key, String value, List<String> headers, long timestamp) {}

  record Place(int partition, long offset) {}

  interface Feature {
    void attempt() throws Exception;
  }

  private final String bootstrap;
  private final String prefix;
  private final String shared;
  private final Admin admin;
  private final KafkaConsumer<byte[], byte[]> consumer;
  /** Of transactions it reads those that are committed. */
  private final KafkaConsumer<byte[], byte[]> committed;
  private List<Member> members = List.of();

  public static void main(String[] args) throws Exception {
    var version = new Properties();
    version.load(KafkaConsumer.class.getResourceAsStream("/kafka/kafka-version.properties"));
    say("client", "Java", "version", version.getProperty("version"));
    new Matrix(args[0], args[1], args[2]).run(Set.of(args[3].split(",")));
  }

  private Matrix(String bootstrap, String prefix, String shared) {
    this.bootstrap = bootstrap;
    this.prefix = prefix;
    this.shared = shared;
    admin = Admin.create(Map.of("bootstrap.servers", bootstrap));
    consumer = consumer(null, "read_uncommitted");
    committed = consumer(null, "read_committed");
  }

  private void run(Set<String> wanted) {
    Map<String, Feature> features = new LinkedHashMap<>();
    for (String codec : CODECS) features.put("codec-" + codec, () -> roundTrip(topic("codecs"), RECORDS, CODECS.indexOf(codec), Map.of("compression.type", codec)));
    features.put("headers", this::headers);
    features.put("timestamps", this::timestamps);
    features.put("log-append-time", this::logAppendTime);
    features.put("keys", this::keys);
    features.put("nulls", () -> roundTrip(topic("nulls"), List.of(plain("k", null), plain(null, "v"), plain("", "")), 0, Map.of()));
    features.put("large", this::large);
    for (String acks : List.of("0", "1", "all")) features.put("acks-" + acks, () -> roundTrip(topic("acks-" + acks), RECORDS, 0, Map.of("acks", acks)));
    features.put("idempotence", () -> roundTrip(topic("idempotence"), RECORDS, 0, Map.of("enable.idempotence", "true")));
    features.put("assign", this::assign);
    features.put("seek", () -> same(flat(read(topic("assign"), 0, 13, 7)), RECORDS.subList(13, 20)));
    features.put("position", this::position);
    features.put("beginning-and-end", () -> same(beginningAndEnd(topic("assign"), 1), List.of(0L, 20L)));
    features.put("offsets-for-times", this::offsetsForTimes);
    features.put("group-share", this::groupShare);
    features.put("group-commit", this::groupCommit);
    features.put("group-resume", this::groupResume);
    features.put("list-groups", () -> same(groups().contains(topic("group")), true));
    features.put("describe-group", this::describeGroup);
    features.put("list-group-offsets", () -> same(offsets(topic("group")), Map.of(0, 23L, 1, 23L)));
    features.put("delete-group-offsets", this::deleteGroupOffsets);
    features.put("delete-group", this::deleteGroup);
    features.put("transactions", this::transactions);
    features.put("transaction-offsets", this::transactionOffsets);
    features.put("transaction-fencing", this::transactionFencing);
    features.put("committed-of-kafkajs", () -> readsTransactions(shared + "-transactions", true));
    features.put("uncommitted-of-kafkajs", () -> readsTransactions(shared + "-transactions", false));
    features.put("create-topic", this::createTopic);
    features.put("list-topics", () -> same(get(admin.listTopics().names()).contains(topic("created")), true));
    features.put("describe-topic", () -> hasPartitions(3));
    features.put("create-partitions", this::createPartitions);
    features.put("describe-configs", () -> hasRetention("12345"));
    features.put("alter-configs", this::alterConfigs);
    features.put("delete-topic", this::deleteTopic);
    features.put("delete-records", this::deleteRecords);
    features.put("describe-cluster", this::describeCluster);
    for (String codec : CODECS) features.put("reads-" + codec, () -> same(flat(read(shared, CODECS.indexOf(codec), 0, RECORDS.size())), RECORDS));
    features.keySet().retainAll(wanted);
    features.forEach(Matrix::tell);
    consumer.close();
    committed.close();
    admin.close();
  }

  private static void tell(String name, Feature feature) {
    try {
      feature.attempt();
      say("feature", name, "ok", true);
    } catch (Throwable error) {
      String where = Arrays.stream(error.getStackTrace()).filter(frame -> frame.getClassName().startsWith("Matrix")).limit(3).toList().toString();
      say("feature", name, "ok", false, "detail", error + (error.getCause() == null ? "" : ", for " + error.getCause()) + " " + where);
    }
  }

  private static void say(Object... namesAndValues) {
    StringBuilder line = new StringBuilder("{");
    for (int n = 0; n < namesAndValues.length; n += 2) {
      Object value = namesAndValues[n + 1];
      line.append(n == 0 ? "" : ", ").append(quoted(namesAndValues[n])).append(": ").append(value instanceof Boolean ? value : quoted(value));
    }
    System.out.println(line.append("}"));
  }

  private static String quoted(Object value) {
    StringBuilder text = new StringBuilder("\"");
    String cut = value.toString().substring(0, Math.min(1500, value.toString().length()));
    for (char each : cut.toCharArray()) text.append(each == '"' || each == '\\' || each < ' ' || each > '~' ? String.format("\\u%04x", (int) each) : each);
    return text.append('"').toString();
  }

  private static Flat matrixRecord(int n) {
    StringBuilder value = new StringBuilder();
    for (int at = 0; at < 100 + 10 * n; at++) value.append((char) ((7 * at + n) % 256));
    return new Flat("key-" + n, value.toString(), List.of("number=" + n, "bytes=\u0000\u00ff" + (char) n), FIRST_TIMESTAMP + 1000L * n);
  }

  private static Flat plain(String key, String value) {
    return new Flat(key, value, List.of(), FIRST_TIMESTAMP);
  }

  private String topic(String feature) {
    return prefix + "-" + feature;
  }

  private static byte[] bytes(String text) {
    return text == null ? null : text.getBytes(StandardCharsets.ISO_8859_1);
  }

  private static String text(byte[] bytes) {
    return bytes == null ? null : new String(bytes, StandardCharsets.ISO_8859_1);
  }

  private static void same(Object found, Object expected) {
    if (!Objects.equals(found, expected)) throw new AssertionError(found + " instead of " + expected);
  }

  private static <T> T get(Future<T> future) throws Exception {
    return future.get(DEADLINE.toSeconds(), TimeUnit.SECONDS);
  }

  interface Check {
    boolean holds() throws Exception;
  }

  private static void until(String what, Check check) throws Exception {
    long deadline = System.nanoTime() + DEADLINE.toNanos();
    while (!check.holds()) {
      if (System.nanoTime() > deadline) throw new AssertionError("not in time: " + what);
      Thread.sleep(20);
    }
  }

  // Producing

  /** Where the records came to, as the producer was told. */
  private List<Place> send(String topic, List<Flat> records, Integer partition, Map<String, Object> more) throws Exception {
    Map<String, Object> settings = new HashMap<>(Map.of("bootstrap.servers", bootstrap, "linger.ms", "5", "enable.idempotence", "false"));
    settings.putAll(more);
    List<Future<RecordMetadata>> sent = new ArrayList<>();
    try (var producer = new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer())) {
      for (Flat each : records) {
        List<Header> headers = each.headers.stream().map(Matrix::header).toList();
        sent.add(producer.send(new ProducerRecord<>(topic, partition, each.timestamp, bytes(each.key), bytes(each.value), headers)));
      }
    }
    List<Place> told = new ArrayList<>();
    for (var each : sent) told.add(new Place(get(each).partition(), get(each).offset()));
    return told;
  }

  private static Header header(String text) {
    int at = text.indexOf('=');
    return new RecordHeader(text.substring(0, at), bytes(text.substring(at + 1)));
  }

  /** Sends, and reads back the very same; the offsets that the producer heard are those of the records, unless acks=0 tells none. */
  private void roundTrip(String topic, List<Flat> records, int partition, Map<String, Object> settings) throws Exception {
    List<Place> told = send(topic, records, partition, settings);
    var read = read(topic, partition, 0, records.size());
    same(flat(read), records);
    List<Place> places = read.stream().map(each -> new Place(each.partition(), each.offset())).toList();
    same(places, IntStream.range(0, records.size()).mapToObj(n -> new Place(partition, n)).toList());
    if (!"0".equals(settings.get("acks"))) same(told, places);
  }

  private void headers() throws Exception {
    StringBuilder all = new StringBuilder();
    for (char each = 0; each < 256; each++) all.append(each);
    var headers = List.of("first=1", "twice=a", "twice=b", "empty=", "bytes=" + all);
    roundTrip(topic("headers"), List.of(new Flat("k", "v", headers, FIRST_TIMESTAMP), plain("k", "v")), 0, Map.of());
  }

  private void timestamps() throws Exception {
    var times = List.of(FIRST_TIMESTAMP + 5, FIRST_TIMESTAMP, 1L, FIRST_TIMESTAMP + 86_400_000);
    roundTrip(topic("timestamps"), times.stream().map(time -> new Flat("k", "v", List.of(), time)).toList(), 0, Map.of());
  }

  private void logAppendTime() throws Exception {
    long before = System.currentTimeMillis();
    send(topic("log-append-time"), RECORDS, 0, Map.of());
    var read = read(topic("log-append-time"), 0, 0, RECORDS.size());
    same(read.stream().map(each -> text(each.value())).toList(), RECORDS.stream().map(Flat::value).toList());
    for (var each : read) {
      boolean isNow = each.timestamp() >= before - 1000 && each.timestamp() <= System.currentTimeMillis() + 1000;
      if (!isNow || !each.timestampType().name.equals("LogAppendTime")) throw new AssertionError(each.timestampType() + " " + each.timestamp());
    }
  }

  private void keys() throws Exception {
    List<Flat> records = new ArrayList<>(RECORDS);
    for (Flat each : RECORDS) records.add(new Flat(each.key, "again", each.headers, each.timestamp));
    List<Place> told = send(topic("keys"), records, null, Map.of());
    Map<Place, Flat> found = new HashMap<>();
    Map<String, Set<Integer>> partitionsOfKey = new HashMap<>();
    for (int number = 0; number < 3; number++) {
      int partition = number;
      int count = (int) told.stream().filter(each -> each.partition == partition).count();
      for (var each : read(topic("keys"), partition, 0, count)) {
        found.put(new Place(partition, each.offset()), flat(each));
        partitionsOfKey.computeIfAbsent(text(each.key()), key -> new HashSet<>()).add(partition);
      }
    }
    same(told.stream().map(found::get).toList(), records);
    same(partitionsOfKey.values().stream().allMatch(partitions -> partitions.size() == 1), true);
    if (new HashSet<>(partitionsOfKey.values()).size() < 2) throw new AssertionError("all keys are in one partition");
  }

  private void large() throws Exception {
    char[] value = new char[900_000];
    for (int at = 0; at < value.length; at++) value[at] = (char) (((long) at * at + at / 256) % 256);
    roundTrip(topic("large"), List.of(plain("k", new String(value))), 0, Map.of());
  }

  // Consuming

  private KafkaConsumer<byte[], byte[]> consumer(String group, String isolation) {
    Map<String, Object> settings = new HashMap<>(Map.of("bootstrap.servers", bootstrap, "enable.auto.commit", "false", "auto.offset.reset", "earliest"));
    settings.putAll(Map.of("session.timeout.ms", "6000", "heartbeat.interval.ms", "200", "fetch.max.wait.ms", "100", "isolation.level", isolation));
    if (group != null) settings.put("group.id", group);
    return new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer());
  }

  private static Flat flat(ConsumerRecord<byte[], byte[]> each) {
    List<String> headers = Arrays.stream(each.headers().toArray()).map(header -> header.key() + "=" + text(header.value())).toList();
    return new Flat(text(each.key()), text(each.value()), headers, each.timestamp());
  }

  private static List<Flat> flat(Collection<ConsumerRecord<byte[], byte[]>> records) {
    return records.stream().map(Matrix::flat).toList();
  }

  private List<ConsumerRecord<byte[], byte[]>> read(String topic, int partition, long offset, int count) {
    return read(consumer, topic, partition, offset, count);
  }

  private static List<ConsumerRecord<byte[], byte[]>> read(KafkaConsumer<byte[], byte[]> consumer, String topic, int partition, long offset, int count) {
    var place = new TopicPartition(topic, partition);
    consumer.assign(List.of(place));
    consumer.seek(place, offset);
    return poll(consumer, count);
  }

  private static List<ConsumerRecord<byte[], byte[]>> poll(KafkaConsumer<byte[], byte[]> consumer, int count) {
    List<ConsumerRecord<byte[], byte[]>> read = new ArrayList<>();
    long deadline = System.nanoTime() + DEADLINE.toNanos();
    while (read.size() < count) {
      if (System.nanoTime() > deadline) throw new AssertionError("read " + read.size() + " of " + count + " records of " + consumer.assignment());
      consumer.poll(Duration.ofMillis(200)).forEach(read::add);
    }
    return read;
  }

  private void assign() throws Exception {
    for (int partition : List.of(0, 1)) roundTrip(topic("assign"), RECORDS, partition, Map.of());
  }

  private void position() {
    var place = new TopicPartition(topic("assign"), 0);
    consumer.assign(List.of(place));
    consumer.seek(place, 5);
    same(consumer.position(place), 5L);
    poll(consumer, 15);
    same(consumer.position(place), 20L);
  }

  private List<Long> beginningAndEnd(String topic, int partition) {
    var place = new TopicPartition(topic, partition);
    return List.of(consumer.beginningOffsets(List.of(place)).get(place), consumer.endOffsets(List.of(place)).get(place));
  }

  private void offsetsForTimes() {
    Map<Long, Long> expected = new LinkedHashMap<>(Map.of(FIRST_TIMESTAMP - 1, 0L, FIRST_TIMESTAMP + 4500, 5L, FIRST_TIMESTAMP + 19_000, 19L));
    expected.put(FIRST_TIMESTAMP + 19_001, null);
    var place = new TopicPartition(topic("assign"), 0);
    expected.forEach((time, offset) -> {
      OffsetAndTimestamp found = consumer.offsetsForTimes(Map.of(place, time)).get(place);
      same(found == null ? null : found.offset(), offset);
    });
  }

  // Groups

  /** A member of a group, in a thread of its own. */
  private class Member extends Thread {
    final String group;
    final String topic;
    final List<ConsumerRecord<byte[], byte[]>> read = new ArrayList<>();
    volatile Set<Integer> partitions = Set.of();
    volatile ConsumerGroupMetadata metadata;
    volatile boolean committing;
    volatile boolean stopping;
    volatile RuntimeException failure;

    Member(String group, String topic) {
      this.group = group;
      this.topic = topic;
    }

    @Override
    public void run() {
      try (var consumer = consumer(group, "read_uncommitted")) {
        consumer.subscribe(List.of(topic));
        while (!stopping) {
          var polled = consumer.poll(Duration.ofMillis(100));
          synchronized (read) {
            polled.forEach(read::add);
          }
          partitions = Set.copyOf(consumer.assignment().stream().map(TopicPartition::partition).toList());
          metadata = consumer.groupMetadata();
          if (committing) consumer.commitSync();
          committing = false;
        }
      } catch (RuntimeException error) {
        failure = error;
      }
    }

    List<ConsumerRecord<byte[], byte[]>> soFar() {
      if (failure != null) throw failure;
      synchronized (read) {
        return List.copyOf(read);
      }
    }

    void commit() throws Exception {
      committing = true;
      until("a commit", () -> !committing || failure != null);
      soFar();
    }
  }

  private void startMembers(int count, String group, String topic) {
    members = IntStream.range(0, count).mapToObj(n -> new Member(group, topic)).toList();
    for (Member member : members) {
      member.setDaemon(true);
      member.start();
    }
  }

  private void stopMembers() throws InterruptedException {
    for (Member member : members) member.stopping = true;
    for (Member member : members) {
      member.join(DEADLINE.toMillis());
      member.soFar();
    }
    members = List.of();
  }

  private Map<Place, Flat> readByMembers() {
    Map<Place, Flat> found = new HashMap<>();
    for (Member member : members) for (var each : member.soFar()) found.put(new Place(each.partition(), each.offset()), flat(each));
    return found;
  }

  private Map<Place, Flat> expected(int firstOffset, List<Flat> records) {
    Map<Place, Flat> expected = new HashMap<>();
    for (int partition : List.of(0, 1)) for (int n = 0; n < records.size(); n++) expected.put(new Place(partition, firstOffset + n), records.get(n));
    return expected;
  }

  private void groupShare() throws Exception {
    for (int partition : List.of(0, 1)) send(topic("group-share"), RECORDS, partition, Map.of());
    startMembers(2, topic("group"), topic("group-share"));
    until("two members share two partitions and have read 40 records", () -> {
      Set<Set<Integer>> owned = new HashSet<>(members.stream().map(member -> member.partitions).toList());
      return owned.equals(Set.of(Set.of(0), Set.of(1))) && readByMembers().size() == 40;
    });
    same(readByMembers(), expected(0, RECORDS));
    // From now on each reads its own alone.
    for (int partition : List.of(0, 1)) send(topic("group-share"), RECORDS.subList(0, 1), partition, Map.of());
    until("the new records", () -> readByMembers().size() == 42);
    for (Member member : members)
      same(Set.copyOf(member.soFar().stream().filter(each -> each.offset() == 20).map(ConsumerRecord::partition).toList()), member.partitions);
  }

  private void groupCommit() throws Exception {
    for (Member member : members) member.commit();
    try (var one = consumer(topic("group"), "read_uncommitted")) {
      var places = Set.of(new TopicPartition(topic("group-share"), 0), new TopicPartition(topic("group-share"), 1));
      for (OffsetAndMetadata each : one.committed(places).values()) same(each.offset(), 21L);
    }
    same(offsets(topic("group")), Map.of(0, 21L, 1, 21L));
  }

  private void groupResume() throws Exception {
    stopMembers();
    for (int partition : List.of(0, 1)) send(topic("group-share"), RECORDS.subList(1, 3), partition, Map.of());
    startMembers(1, topic("group"), topic("group-share"));
    until("four new records", () -> readByMembers().size() >= 4);
    same(readByMembers(), expected(21, RECORDS.subList(1, 3)));
    members.get(0).commit();
    stopMembers();
  }

  /** What a group has committed, by partition. */
  private Map<Integer, Long> offsets(String group) throws Exception {
    Map<Integer, Long> found = new HashMap<>();
    get(admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata()).forEach((place, committed) -> {
      if (committed != null) found.put(place.partition(), committed.offset());
    });
    return found;
  }

  @SuppressWarnings("removal") // what comes in its place is not in 3.9
  private List<String> groups() throws Exception {
    return get(admin.listConsumerGroups().all()).stream().map(each -> each.groupId()).toList();
  }

  @SuppressWarnings("removal")
  private void describeGroup() throws Exception {
    var found = get(admin.describeConsumerGroups(List.of(topic("group"))).all()).get(topic("group"));
    same(found.state().toString(), "Empty");
    same(found.members().size(), 0);
  }

  private void deleteGroupOffsets() throws Exception {
    get(admin.deleteConsumerGroupOffsets(topic("group"), Set.of(new TopicPartition(topic("group-share"), 0))).all());
    same(offsets(topic("group")), Map.of(1, 23L));
  }

  private void deleteGroup() throws Exception {
    get(admin.deleteConsumerGroups(List.of(topic("group"))).all());
    same(groups().contains(topic("group")), false);
  }

  // Transactions

  /** Of these the odd ones abort: the last commits, so that its records stand at the end for every reader. */
  private static final List<Integer> TRANSACTIONS = IntStream.rangeClosed(1, 10).boxed().toList();
  private static final List<Flat> TRANSFORMED = RECORDS.stream().limit(10).map(each -> plain(each.key, "of " + each.value.length() + " bytes")).toList();

  private static boolean commits(int transaction) {
    return transaction % 2 == 0;
  }

  /** Of a transaction, for a partition of `transactions`. */
  private static List<Flat> transactionRecords(int transaction, int partition) {
    return Stream.of(0, 1).map(n -> plain("" + transaction, transaction + "/" + partition + "/" + n)).toList();
  }

  private KafkaProducer<byte[], byte[]> transactional(String id) {
    var producer = new KafkaProducer<>(Map.of("bootstrap.servers", bootstrap, "transactional.id", id), new ByteArraySerializer(), new ByteArraySerializer());
    producer.initTransactions();
    return producer;
  }

  private static void send(KafkaProducer<byte[], byte[]> producer, String topic, int partition, List<Flat> records) throws Exception {
    List<Future<RecordMetadata>> sent = new ArrayList<>();
    for (Flat each : records) sent.add(producer.send(new ProducerRecord<>(topic, partition, each.timestamp, bytes(each.key), bytes(each.value))));
    producer.flush();
    for (var each : sent) get(each);
  }

  private void transactions() throws Exception {
    String topic = topic("transactions");
    try (var producer = transactional(topic)) {
      for (int number : TRANSACTIONS) {
        producer.beginTransaction();
        for (int partition : List.of(0, 1)) send(producer, topic, partition, transactionRecords(number, partition));
        if (commits(number)) producer.commitTransaction();
        else producer.abortTransaction();
      }
    }
    readsTransactions(topic, true);
    readsTransactions(topic, false);
  }

  /** At their offsets: each has two records and its marker in either partition. */
  private void readsTransactions(String topic, boolean committedOnly) {
    for (int partition : List.of(0, 1)) {
      Map<Place, Flat> expected = new LinkedHashMap<>();
      for (int number : TRANSACTIONS) {
        var records = transactionRecords(number, partition);
        for (int n = 0; n < 2; n++) if (commits(number) || !committedOnly) expected.put(new Place(partition, 3L * (number - 1) + n), records.get(n));
      }
      var read = read(committedOnly ? committed : consumer, topic, partition, 0, expected.size());
      same(read.stream().map(each -> new Place(each.partition(), each.offset())).toList(), List.copyOf(expected.keySet()));
      same(flat(read), List.copyOf(expected.values()));
    }
  }

  private void transactionOffsets() throws Exception {
    String group = topic("transforming");
    String topic = topic("transaction-offsets");
    send(topic, RECORDS, 0, Map.of());
    startMembers(1, group, topic);
    try (var producer = transactional(group)) {
      until("20 records", () -> readByMembers().size() == 20);
      transform(producer, topic, 7);
      producer.abortTransaction();
      transform(producer, topic, 10);
      // Of the first nothing is left, of the second there is nothing yet.
      same(offsets(group), Map.of());
      producer.commitTransaction();
      until("the offset is committed", () -> offsets(group).equals(Map.of(0, 10L)));
    } finally {
      stopMembers();
    }
    var read = read(committed, topic("transformed"), 0, 0, 10);
    same(flat(read), TRANSFORMED);
    same(read.get(0).offset(), 11L); // behind ten records and the marker of the first
  }

  private void transform(KafkaProducer<byte[], byte[]> producer, String topic, long offset) throws Exception {
    producer.beginTransaction();
    send(producer, topic("transformed"), 0, TRANSFORMED);
    producer.sendOffsetsToTransaction(Map.of(new TopicPartition(topic, 0), new OffsetAndMetadata(offset)), members.get(0).metadata);
  }

  private void transactionFencing() throws Exception {
    String topic = topic("transaction-fencing");
    try (var older = transactional(topic)) {
      older.beginTransaction();
      send(older, topic, 0, List.of(plain("k", "of the older")));
      try (var newer = transactional(topic)) {
        newer.beginTransaction();
        send(newer, topic, 0, List.of(plain("k", "of the newer")));
        newer.commitTransaction();
      }
      older.commitTransaction();
      throw new AssertionError("the older has committed");
    } catch (ProducerFencedException expected) {
      // Its own record, and the marker that aborts it, come before the other's.
      var read = read(committed, topic, 0, 0, 1);
      same(flat(read), List.of(plain("k", "of the newer")));
      same(read.get(0).offset(), 2L);
    }
  }

  // Administration

  private void createTopic() throws Exception {
    var created = new NewTopic(topic("created"), Optional.of(3), Optional.empty()).configs(Map.of("retention.ms", "12345"));
    get(admin.createTopics(List.of(created)).all());
    hasPartitions(3);
  }

  private void hasPartitions(int count) throws Exception {
    until(count + " partitions, each with a leader", () -> {
      try {
        var partitions = get(admin.describeTopics(List.of(topic("created"))).allTopicNames()).get(topic("created")).partitions();
        var numbers = partitions.stream().map(each -> each.partition()).sorted().toList();
        return numbers.equals(IntStream.range(0, count).boxed().toList())
            && partitions.stream().allMatch(each -> each.leader() != null && each.replicas().equals(List.of(each.leader())) && each.isr().equals(each.replicas()));
      } catch (Exception error) {
        return false; // not yet: a broker may hear of the topic after it was created
      }
    });
  }

  private void createPartitions() throws Exception {
    get(admin.createPartitions(Map.of(topic("created"), NewPartitions.increaseTo(5))).all());
    hasPartitions(5);
  }

  private ConfigResource created() {
    return new ConfigResource(ConfigResource.Type.TOPIC, topic("created"));
  }

  private void hasRetention(String value) throws Exception {
    until("retention.ms is " + value, () -> get(admin.describeConfigs(List.of(created())).all()).get(created()).get("retention.ms").value().equals(value));
  }

  private void alterConfigs() throws Exception {
    var set = new AlterConfigOp(new ConfigEntry("retention.ms", "54321"), AlterConfigOp.OpType.SET);
    get(admin.incrementalAlterConfigs(Map.of(created(), List.of(set))).all());
    hasRetention("54321");
  }

  private void deleteTopic() throws Exception {
    get(admin.deleteTopics(List.of(topic("created"))).all());
    until("the topic is gone", () -> !get(admin.listTopics().names()).contains(topic("created")));
  }

  private void deleteRecords() throws Exception {
    send(topic("delete-records"), RECORDS, 0, Map.of());
    var place = new TopicPartition(topic("delete-records"), 0);
    same(get(admin.deleteRecords(Map.of(place, RecordsToDelete.beforeOffset(7))).lowWatermarks().get(place)).lowWatermark(), 7L);
    same(beginningAndEnd(topic("delete-records"), 0), List.of(7L, 20L));
    same(flat(read(topic("delete-records"), 0, 7, 13)), RECORDS.subList(7, 20));
  }

  private void describeCluster() throws Exception {
    var found = admin.describeCluster();
    same(get(found.clusterId()).isEmpty(), false);
    Collection<Node> nodes = get(found.nodes());
    same(nodes.size(), 1);
    same(nodes.contains(get(found.controller())), true);
  }
}
