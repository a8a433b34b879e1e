// franz-go in the client matrix. Arguments: BOOTSTRAP PREFIX SHARED FEATURES, see ../matrix/program.ts.
package main

import (
	"context"
	"os"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	matrix "minikafka/clients/go"
)

var bootstrap, prefix, shared = strings.Split(os.Args[1], ","), os.Args[2], os.Args[3]

var codecs = map[string]kgo.CompressionCodec{
	"none":   kgo.NoCompression(),
	"gzip":   kgo.GzipCompression(),
	"snappy": kgo.SnappyCompression(),
	"lz4":    kgo.Lz4Compression(),
	"zstd":   kgo.ZstdCompression(),
}

func main() {
	admin := kadm.NewClient(connect())
	defer admin.Close()
	features := append(producing(), consuming(admin)...)
	features = append(features, groups(admin)...)
	features = append(features, transactions(admin)...)
	matrix.Run("franz-go", "github.com/twmb/franz-go", append(features, administration(admin)...))
}

func topicOf(feature string) string { return prefix + "-" + feature }

func connect(options ...kgo.Opt) *kgo.Client {
	client, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(bootstrap...), kgo.RetryTimeout(20 * time.Second)}, options...)...)
	if err != nil {
		panic(err)
	}
	return client
}

// within bounds whatever waits for the broker.
func within() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), 20*time.Second)
}

// send writes records into a partition; -1: the partition that its partitioner chooses. It gives them as they were acknowledged.
func send(topic string, partition int32, records []matrix.Record, options ...kgo.Opt) ([]*kgo.Record, error) {
	ctx, cancel := within()
	defer cancel()
	if partition >= 0 {
		options = append(options, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	}
	client := connect(options...)
	defer client.Close()
	sent := toSend(topic, partition, records)
	return sent, client.ProduceSync(ctx, sent...).FirstErr()
}

func toSend(topic string, partition int32, records []matrix.Record) []*kgo.Record {
	sent := make([]*kgo.Record, len(records))
	for n, record := range records {
		sent[n] = &kgo.Record{Topic: topic, Partition: partition, Key: record.Key, Value: record.Value}
		if record.TimestampMs > 0 {
			sent[n].Timestamp = time.UnixMilli(record.TimestampMs)
		}
		for _, header := range record.Headers {
			sent[n].Headers = append(sent[n].Headers, kgo.RecordHeader{Key: header.Name, Value: header.Value})
		}
	}
	return sent
}

// poll reads until there are so many records.
func poll(client *kgo.Client, count int) ([]*kgo.Record, error) {
	ctx, cancel := within()
	defer cancel()
	var records []*kgo.Record
	for len(records) < count {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return records, err
		}
		records = append(records, fetches.Records()...)
	}
	return records, nil
}

// read gives the records of a partition from an offset on.
func read(topic string, partition int32, from int64, count int, options ...kgo.Opt) ([]*kgo.Record, error) {
	offsets := map[string]map[int32]kgo.Offset{topic: {partition: kgo.NewOffset().At(from)}}
	client := connect(append(options, kgo.ConsumePartitions(offsets))...)
	defer client.Close()
	return poll(client, count)
}

func plain(records []*kgo.Record) []matrix.Record {
	all := make([]matrix.Record, len(records))
	for n, record := range records {
		all[n] = matrix.Record{Key: record.Key, Value: record.Value, TimestampMs: record.Timestamp.UnixMilli()}
		for _, header := range record.Headers {
			all[n].Headers = append(all[n].Headers, matrix.Header{Name: header.Key, Value: header.Value})
		}
	}
	return all
}

// roundTrip sends records and holds what is read against them.
func roundTrip(topic string, partition int32, records []matrix.Record, options ...kgo.Opt) error {
	if _, err := send(topic, partition, records, options...); err != nil {
		return err
	}
	return holds(topic, partition, records)
}

func holds(topic string, partition int32, records []matrix.Record) error {
	got, err := read(topic, partition, 0, len(records))
	if err != nil {
		return err
	}
	return matrix.Same(records, plain(got))
}
