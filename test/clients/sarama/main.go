// sarama in the client matrix. Arguments: BOOTSTRAP PREFIX SHARED FEATURES, see ../matrix/program.ts.
package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/IBM/sarama"

	matrix "minikafka/clients/go"
)

var bootstrap, prefix, shared = strings.Split(os.Args[1], ","), os.Args[2], os.Args[3]

var codecs = map[string]sarama.CompressionCodec{
	"none":   sarama.CompressionNone,
	"gzip":   sarama.CompressionGZIP,
	"snappy": sarama.CompressionSnappy,
	"lz4":    sarama.CompressionLZ4,
	"zstd":   sarama.CompressionZSTD,
}

// patience bounds whatever waits for the broker.
const patience = 20 * time.Second

func main() {
	client, err := sarama.NewClient(bootstrap, config())
	if err != nil {
		panic(err)
	}
	admin, err := sarama.NewClusterAdminFromClient(client)
	if err != nil {
		panic(err)
	}
	defer admin.Close()
	features := append(producing(), consuming(client)...)
	features = append(features, groups(admin)...)
	features = append(features, transactions(admin)...)
	matrix.Run("sarama", "github.com/IBM/sarama", append(features, administration(admin)...))
}

func topicOf(feature string) string { return prefix + "-" + feature }

func config() *sarama.Config {
	config := sarama.NewConfig()
	config.Version = sarama.MaxVersion
	config.Producer.Return.Successes = true
	config.Producer.RequiredAcks = sarama.WaitForAll
	config.Producer.Partitioner = sarama.NewManualPartitioner
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	config.Consumer.MaxWaitTime = 200 * time.Millisecond
	config.Consumer.Group.Heartbeat.Interval = 200 * time.Millisecond
	return config
}

// send writes records into a partition, or where the partitioner of the config wants them.
func send(topic string, partition int32, records []matrix.Record, config *sarama.Config) ([]*sarama.ProducerMessage, error) {
	producer, err := sarama.NewSyncProducer(bootstrap, config)
	if err != nil {
		return nil, err
	}
	defer producer.Close()
	messages := toSend(topic, partition, records)
	return messages, producer.SendMessages(messages)
}

func toSend(topic string, partition int32, records []matrix.Record) []*sarama.ProducerMessage {
	messages := make([]*sarama.ProducerMessage, len(records))
	for n, record := range records {
		message := &sarama.ProducerMessage{Topic: topic, Partition: partition}
		// A nil interface is null on the wire, a nil slice is not.
		if record.Key != nil {
			message.Key = sarama.ByteEncoder(record.Key)
		}
		if record.Value != nil {
			message.Value = sarama.ByteEncoder(record.Value)
		}
		if record.TimestampMs > 0 {
			message.Timestamp = time.UnixMilli(record.TimestampMs)
		}
		for _, header := range record.Headers {
			message.Headers = append(message.Headers, sarama.RecordHeader{Key: []byte(header.Name), Value: header.Value})
		}
		messages[n] = message
	}
	return messages
}

// read gives the records of a partition from an offset on.
func read(topic string, partition int32, from int64, count int) ([]*sarama.ConsumerMessage, error) {
	return readWith(config(), topic, partition, from, count)
}

func readWith(config *sarama.Config, topic string, partition int32, from int64, count int) ([]*sarama.ConsumerMessage, error) {
	consumer, err := sarama.NewConsumer(bootstrap, config)
	if err != nil {
		return nil, err
	}
	defer consumer.Close()
	reading, err := consumer.ConsumePartition(topic, partition, from)
	if err != nil {
		return nil, err
	}
	defer reading.Close()
	deadline := time.After(patience)
	messages := []*sarama.ConsumerMessage{}
	for len(messages) < count {
		select {
		case message := <-reading.Messages():
			messages = append(messages, message)
		case <-deadline:
			return nil, fmt.Errorf("%d of %d records came", len(messages), count)
		}
	}
	return messages, nil
}

func plain(messages []*sarama.ConsumerMessage) []matrix.Record {
	all := make([]matrix.Record, len(messages))
	for n, message := range messages {
		all[n] = matrix.Record{Key: message.Key, Value: message.Value, TimestampMs: message.Timestamp.UnixMilli()}
		for _, header := range message.Headers {
			all[n].Headers = append(all[n].Headers, matrix.Header{Name: string(header.Key), Value: header.Value})
		}
	}
	return all
}

// roundTrip sends records and holds what is read against them.
func roundTrip(topic string, partition int32, records []matrix.Record, config *sarama.Config) error {
	if _, err := send(topic, partition, records, config); err != nil {
		return err
	}
	return holds(topic, partition, records)
}

func holds(topic string, partition int32, records []matrix.Record) error {
	got, err := read(topic, partition, sarama.OffsetOldest, len(records))
	if err != nil {
		return err
	}
	return matrix.Same(records, plain(got))
}

// until asks again until something holds, or patience is over.
func until(holds func() bool) bool {
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			return false
		}
	}
	return true
}
