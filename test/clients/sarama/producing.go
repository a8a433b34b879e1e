package main

import (
	"bytes"
	"fmt"
	"time"

	"github.com/IBM/sarama"

	matrix "minikafka/clients/go"
)

// with gives a config that differs from that of all.
func with(change func(*sarama.Config)) *sarama.Config {
	changed := config()
	change(changed)
	return changed
}

func producing() []matrix.Feature {
	features := []matrix.Feature{}
	for partition, codec := range matrix.Codecs {
		features = append(features, matrix.Feature{ID: "codec-" + codec, Try: func() error {
			compressed := with(func(c *sarama.Config) { c.Producer.Compression = codecs[codec] })
			return roundTrip(topicOf("codecs"), int32(partition), matrix.Records(), compressed)
		}})
	}
	for partition, codec := range matrix.Codecs {
		features = append(features, matrix.Feature{ID: "reads-" + codec, Try: func() error {
			return holds(shared, int32(partition), matrix.Records())
		}})
	}
	asIs := func(feature string, change func(*sarama.Config)) matrix.Feature {
		return matrix.Feature{ID: feature, Try: func() error {
			return roundTrip(topicOf(feature), 0, matrix.Records(), with(change))
		}}
	}
	return append(features,
		asIs("headers", func(*sarama.Config) {}),
		asIs("timestamps", func(*sarama.Config) {}),
		matrix.Feature{ID: "log-append-time", Try: logAppendTime},
		matrix.Feature{ID: "keys", Try: keys},
		matrix.Feature{ID: "nulls", Try: nulls},
		matrix.Feature{ID: "large", Try: large},
		asIs("acks-0", func(c *sarama.Config) { c.Producer.RequiredAcks = sarama.NoResponse }),
		asIs("acks-1", func(c *sarama.Config) { c.Producer.RequiredAcks = sarama.WaitForLocal }),
		asIs("acks-all", func(*sarama.Config) {}),
		asIs("idempotence", func(c *sarama.Config) {
			c.Producer.Idempotent = true
			c.Net.MaxOpenRequests = 1
		}),
	)
}

func logAppendTime() error {
	before := time.Now().Add(-time.Second)
	if _, err := send(topicOf("log-append-time"), 0, matrix.Records(), config()); err != nil {
		return err
	}
	got, err := read(topicOf("log-append-time"), 0, sarama.OffsetOldest, 20)
	if err != nil {
		return err
	}
	for _, message := range got {
		if message.Timestamp.Before(before) || message.Timestamp.After(time.Now().Add(time.Second)) {
			return fmt.Errorf("timestamp %v", message.Timestamp)
		}
	}
	return nil
}

func keys() error {
	hashing := func() *sarama.Config {
		return with(func(c *sarama.Config) { c.Producer.Partitioner = sarama.NewHashPartitioner })
	}
	first, err := send(topicOf("keys"), -1, matrix.Records(), hashing())
	if err != nil {
		return err
	}
	again, err := send(topicOf("keys"), -1, matrix.Records(), hashing())
	if err != nil {
		return err
	}
	used := map[int32]bool{}
	for n, record := range matrix.Records() {
		used[first[n].Partition] = true
		if first[n].Partition != again[n].Partition {
			return fmt.Errorf("key %s went to partitions %d and %d", record.Key, first[n].Partition, again[n].Partition)
		}
		got, err := read(topicOf("keys"), first[n].Partition, first[n].Offset, 1)
		if err != nil {
			return err
		}
		if !bytes.Equal(got[0].Key, record.Key) || !bytes.Equal(got[0].Value, record.Value) {
			return fmt.Errorf("key %s is not at its place", record.Key)
		}
	}
	if len(used) < 2 {
		return fmt.Errorf("all keys went to one partition")
	}
	return nil
}

func nulls() error {
	at := int64(1_700_000_000_000)
	return roundTrip(topicOf("nulls"), 0, []matrix.Record{
		{Key: []byte("tombstone"), TimestampMs: at},
		{Value: []byte("without a key"), TimestampMs: at},
	}, config())
}

func large() error {
	value := bytes.Repeat([]byte("0123456789"), 90_000)
	return roundTrip(topicOf("large"), 0, []matrix.Record{{Key: []byte("large"), Value: value, TimestampMs: 1_700_000_000_000}}, config())
}
