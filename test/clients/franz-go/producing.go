package main

import (
	"bytes"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	matrix "minikafka/clients/go"
)

func producing() []matrix.Feature {
	features := []matrix.Feature{}
	for partition, codec := range matrix.Codecs {
		features = append(features, matrix.Feature{ID: "codec-" + codec, Try: func() error {
			return roundTrip(topicOf("codecs"), int32(partition), matrix.Records(), kgo.ProducerBatchCompression(codecs[codec]))
		}})
	}
	for partition, codec := range matrix.Codecs {
		features = append(features, matrix.Feature{ID: "reads-" + codec, Try: func() error {
			return holds(shared, int32(partition), matrix.Records())
		}})
	}
	asIs := func(feature string, options ...kgo.Opt) matrix.Feature {
		return matrix.Feature{ID: feature, Try: func() error { return roundTrip(topicOf(feature), 0, matrix.Records(), options...) }}
	}
	return append(features,
		asIs("headers"),
		asIs("timestamps"),
		matrix.Feature{ID: "log-append-time", Try: logAppendTime},
		matrix.Feature{ID: "keys", Try: keys},
		matrix.Feature{ID: "nulls", Try: nulls},
		matrix.Feature{ID: "large", Try: large},
		matrix.Feature{ID: "acks-0", Try: withoutAcknowledgement},
		asIs("acks-1", kgo.RequiredAcks(kgo.LeaderAck()), kgo.DisableIdempotentWrite()),
		asIs("acks-all", kgo.RequiredAcks(kgo.AllISRAcks()), kgo.DisableIdempotentWrite()),
		matrix.Feature{ID: "idempotence", Try: idempotence},
	)
}

func logAppendTime() error {
	before := time.Now().Add(-time.Second)
	if _, err := send(topicOf("log-append-time"), 0, matrix.Records()); err != nil {
		return err
	}
	got, err := read(topicOf("log-append-time"), 0, 0, 20)
	if err != nil {
		return err
	}
	for _, record := range got {
		// 1: LogAppendTime
		if record.Attrs.TimestampType() != 1 || record.Timestamp.Before(before) || record.Timestamp.After(time.Now().Add(time.Second)) {
			return fmt.Errorf("timestamp %v of type %d", record.Timestamp, record.Attrs.TimestampType())
		}
	}
	return nil
}

func keys() error {
	first, err := send(topicOf("keys"), -1, matrix.Records())
	if err != nil {
		return err
	}
	again, err := send(topicOf("keys"), -1, matrix.Records())
	if err != nil {
		return err
	}
	used := map[int32]bool{}
	for n := range first {
		used[first[n].Partition] = true
		if first[n].Partition != again[n].Partition {
			return fmt.Errorf("key %s went to partitions %d and %d", first[n].Key, first[n].Partition, again[n].Partition)
		}
		got, err := read(topicOf("keys"), first[n].Partition, first[n].Offset, 1)
		if err != nil {
			return err
		}
		if !bytes.Equal(got[0].Key, first[n].Key) || !bytes.Equal(got[0].Value, first[n].Value) {
			return fmt.Errorf("key %s is not at its place", first[n].Key)
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
		{Key: []byte{}, Value: []byte{}, TimestampMs: at},
	})
}

func large() error {
	value := bytes.Repeat([]byte("0123456789"), 90_000)
	return roundTrip(topicOf("large"), 0, []matrix.Record{{Key: []byte("large"), Value: value, TimestampMs: 1_700_000_000_000}})
}

// withoutAcknowledgement reads until it has all: the broker does not say when.
func withoutAcknowledgement() error {
	if _, err := send(topicOf("acks-0"), 0, matrix.Records(), kgo.RequiredAcks(kgo.NoAck()), kgo.DisableIdempotentWrite()); err != nil {
		return err
	}
	return holds(topicOf("acks-0"), 0, matrix.Records())
}

// idempotence: its producer is idempotent unless told otherwise. Records carry the producer id.
func idempotence() error {
	if err := roundTrip(topicOf("idempotence"), 0, matrix.Records()); err != nil {
		return err
	}
	got, err := read(topicOf("idempotence"), 0, 0, 20)
	if err == nil && got[0].ProducerID < 0 {
		return fmt.Errorf("producer id %d", got[0].ProducerID)
	}
	return err
}
