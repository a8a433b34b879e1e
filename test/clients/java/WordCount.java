import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.state.KeyValueStore;

/**
 * One instance of a Kafka Streams application that counts words: lines of INPUT, their words through a repartition topic, counts in a store on disk with a
 * compacted changelog, and each new count to OUTPUT.
 *
 * SETTINGS INPUT OUTPUT [NAME=VALUE ..]   SETTINGS: a file of properties, for Kafka Streams; NAME=VALUE: configs of the changelog
 *
 * Writes each state that the instance comes to. Ends at a signal.
 */
public class WordCount {
  public static void main(String[] args) throws Exception {
    Properties settings = new Properties();
    try (var in = Files.newInputStream(Path.of(args[0]))) {
      settings.load(in);
    }
    Map<String, String> changelog = new HashMap<>();
    for (String each : Arrays.asList(args).subList(3, args.length)) changelog.put(each.split("=")[0], each.split("=")[1]);

    StreamsBuilder builder = new StreamsBuilder();
    builder
        .<String, String>stream(args[1])
        .flatMapValues(line -> Arrays.asList(line.split(" ")))
        .groupBy((key, word) -> word, Grouped.with("words", Serdes.String(), Serdes.String()))
        .count(Materialized.<String, Long, KeyValueStore<Bytes, byte[]>>as("counts").withLoggingEnabled(changelog))
        .toStream()
        .mapValues(count -> count.toString())
        .to(args[2], Produced.with(Serdes.String(), Serdes.String()));

    KafkaStreams streams = new KafkaStreams(builder.build(), settings);
    streams.setStateListener((now, before) -> System.out.println("state " + now));
    Runtime.getRuntime().addShutdownHook(new Thread(streams::close));
    streams.start();
    new CountDownLatch(1).await(); // until a signal
  }
}
