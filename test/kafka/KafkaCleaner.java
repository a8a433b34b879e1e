import java.io.BufferedReader;
import java.io.File;
import java.io.InputStreamReader;
import java.lang.reflect.Method;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import org.apache.kafka.common.utils.Time;
import org.apache.kafka.server.util.KafkaScheduler;
import org.apache.kafka.storage.internals.log.Cleaner;
import org.apache.kafka.storage.internals.log.LogCleanerManager;
import org.apache.kafka.storage.internals.log.LogConfig;
import org.apache.kafka.storage.internals.log.LogDirFailureChannel;
import org.apache.kafka.storage.internals.log.LogToClean;
import org.apache.kafka.storage.internals.log.ProducerStateManagerConfig;
import org.apache.kafka.storage.internals.log.SkimpyOffsetMap;
import org.apache.kafka.storage.internals.log.UnifiedLog;
import org.apache.kafka.storage.internals.utils.Throttler;
import org.apache.kafka.storage.log.metrics.BrokerTopicStats;

/**
 * Apache Kafka's own cleaner over folders of logs. A line of standard input is a round: folder, checkpointed offset (-1: none), high watermark,
 * now in ms, delete.retention.ms, segment.bytes, bytes for keys, min.compaction.lag.ms. A line of standard output answers what was cleanable, and
 * where the cleaning ended: first dirty offset, first uncleanable offset, clean bytes, dirty bytes, end (-1: there was nothing to clean).
 * A log stays open from its first round on.
 */
public class KafkaCleaner {
  private static final int LOAD_FACTOR_PERCENT = 90;
  private static final int IO_BYTES = 1 << 20;
  private static final Map<String, UnifiedLog> LOGS = new HashMap<>();

  public static void main(String[] arguments) throws Exception {
    KafkaScheduler scheduler = new KafkaScheduler(1);
    scheduler.startup();
    BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      String[] round = line.split(" ");
      UnifiedLog log = LOGS.get(round[0]);
      if (log == null) {
        log = open(new File(round[0]), round, scheduler);
        LOGS.put(round[0], log);
      }
      log.updateHighWatermark(Long.parseLong(round[2]));
      System.out.println(clean(log, round));
    }
    for (UnifiedLog log : LOGS.values()) log.close();
    scheduler.shutdown();
  }

  private static String clean(UnifiedLog log, String[] round) throws Exception {
    long checkpointed = Long.parseLong(round[1]);
    long nowMs = Long.parseLong(round[3]);
    Method cleanable = LogCleanerManager.class.getDeclaredMethod("cleanableOffsets", UnifiedLog.class, Optional.class, long.class);
    cleanable.setAccessible(true);
    Object offsets = cleanable.invoke(null, log, checkpointed < 0 ? Optional.empty() : Optional.of(checkpointed), nowMs);
    LogToClean toClean = new LogToClean(log, offset(offsets, "firstDirtyOffset"), offset(offsets, "firstUncleanableDirtyOffset"), false);
    String found = toClean.firstDirtyOffset() + " " + toClean.firstUncleanableOffset() + " " + toClean.cleanBytes() + " " + toClean.cleanableBytes();
    if (toClean.cleanableBytes() == 0) return found + " -1";
    Throttler throttler = new Throttler(Double.MAX_VALUE, 300, "cleaner-io", "bytes", Time.SYSTEM);
    SkimpyOffsetMap map = new SkimpyOffsetMap(Integer.parseInt(round[6]));
    Cleaner cleaner = new Cleaner(0, map, IO_BYTES, IO_BYTES, LOAD_FACTOR_PERCENT / 100.0, throttler, Time.SYSTEM, partition -> {});
    return found + " " + cleaner.doClean(toClean, nowMs).getKey();
  }

  private static long offset(Object offsets, String name) throws Exception {
    Method getter = offsets.getClass().getDeclaredMethod(name);
    getter.setAccessible(true);
    return (Long) getter.invoke(offsets);
  }

  private static UnifiedLog open(File folder, String[] round, KafkaScheduler scheduler) throws Exception {
    Map<String, Object> properties = new HashMap<>();
    properties.put("cleanup.policy", "compact");
    properties.put("delete.retention.ms", round[4]);
    properties.put("internal.segment.bytes", round[5]);
    properties.put("min.compaction.lag.ms", round[7]);
    properties.put("segment.index.bytes", "100000");
    properties.put("file.delete.delay.ms", "0");
    return UnifiedLog.create(
        folder, new LogConfig(properties), 0L, 0L, scheduler, new BrokerTopicStats(), Time.SYSTEM, Integer.MAX_VALUE,
        new ProducerStateManagerConfig(Integer.MAX_VALUE, false), Integer.MAX_VALUE, new LogDirFailureChannel(10), false, Optional.empty());
  }
}
