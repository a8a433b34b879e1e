package main

import (
	"errors"
	"fmt"

	"github.com/IBM/sarama"

	matrix "minikafka/clients/go"
)

func transactions(admin sarama.ClusterAdmin) []matrix.Feature {
	return []matrix.Feature{
		{ID: "transactions", Try: commitAndAbort},
		{ID: "transaction-offsets", Try: func() error { return transactionOffsets(admin) }},
		{ID: "transaction-fencing", Try: fencing},
		{ID: "committed-of-kafkajs", Try: func() error { return readsTransactions(shared+"-transactions", true) }},
		{ID: "uncommitted-of-kafkajs", Try: func() error { return readsTransactions(shared+"-transactions", false) }},
	}
}

func committedOnly() *sarama.Config {
	return with(func(c *sarama.Config) { c.Consumer.IsolationLevel = sarama.ReadCommitted })
}

func transactional(id string) (sarama.SyncProducer, error) {
	return sarama.NewSyncProducer(bootstrap, with(func(c *sarama.Config) {
		c.Producer.Transaction.ID = id
		c.Producer.Idempotent = true
		c.Net.MaxOpenRequests = 1
	}))
}

func begin(producer sarama.SyncProducer, topic string, records []matrix.Record) error {
	if err := producer.BeginTxn(); err != nil {
		return err
	}
	return producer.SendMessages(toSend(topic, 0, records))
}

func commitAndAbort() error {
	topic := topicOf("transactions")
	producer, err := transactional(topic)
	if err != nil {
		return err
	}
	defer producer.Close()
	for number := 1; number <= 10; number++ {
		if err := begin(producer, topic, matrix.TransactionRecords(number, 0)); err != nil {
			return err
		}
		if err := producer.SendMessages(toSend(topic, 1, matrix.TransactionRecords(number, 1))); err != nil {
			return err
		}
		end := producer.AbortTxn
		if matrix.Commits(number) {
			end = producer.CommitTxn
		}
		if err := end(); err != nil {
			return err
		}
	}
	if err := readsTransactions(topic, true); err != nil {
		return err
	}
	return readsTransactions(topic, false)
}

func readsTransactions(topic string, committed bool) error {
	isolated := config()
	if committed {
		isolated = committedOnly()
	}
	return matrix.ReadsTransactions(committed, func(partition int32, count int) ([]matrix.Record, []int64, error) {
		got, err := readWith(isolated, topic, partition, sarama.OffsetOldest, count)
		offsets := make([]int64, len(got))
		for n, message := range got {
			offsets[n] = message.Offset
		}
		return plain(got), offsets, err
	})
}

func transactionOffsets(admin sarama.ClusterAdmin) error {
	topic, group, transformed := topicOf("transaction-offsets"), prefix+"-transforming", topicOf("transformed")
	if _, err := send(topic, 0, matrix.Records(), config()); err != nil {
		return err
	}
	joined, err := joinAs(&member{transacts: true}, group, topic)
	if err != nil {
		return err
	}
	defer joined.leave()
	if !until(func() bool { return joined.has(func() bool { return len(joined.messages) == 20 }) }) {
		return fmt.Errorf("%d of 20 records came", len(joined.messages))
	}
	producer, err := transactional(group)
	if err != nil {
		return err
	}
	defer producer.Close()
	transform := func(offset int64) error {
		if err := begin(producer, transformed, matrix.Transformed()); err != nil {
			return err
		}
		offsets := map[string][]*sarama.PartitionOffsetMetadata{topic: {{Partition: 0, Offset: offset, LeaderEpoch: -1}}}
		metadata := sarama.NewConsumerGroupMetadataFromSession(joined.session, group, nil)
		return producer.AddOffsetsToTxnWithGroupMetadata(offsets, metadata)
	}
	if err := transform(7); err != nil {
		return err
	}
	if err := producer.AbortTxn(); err != nil {
		return err
	}
	if err := transform(10); err != nil {
		return err
	}
	// Of the first nothing is left, of the second there is nothing yet.
	if err := committed(admin, group, topic, -1); err != nil {
		return err
	}
	if err := producer.CommitTxn(); err != nil {
		return err
	}
	if !until(func() bool { return committed(admin, group, topic, 10) == nil }) {
		return committed(admin, group, topic, 10)
	}
	messages, err := readWith(committedOnly(), transformed, 0, sarama.OffsetOldest, 10)
	if err != nil {
		return err
	}
	// It comes behind ten records and the marker of the first.
	if messages[0].Offset != 11 {
		return fmt.Errorf("the first is at offset %d", messages[0].Offset)
	}
	return matrix.Same(matrix.Transformed(), plain(messages))
}

func fencing() error {
	topic := topicOf("transaction-fencing")
	older, err := transactional(topic)
	if err != nil {
		return err
	}
	defer older.Close()
	if err := begin(older, topic, []matrix.Record{matrix.Plain("k", "of the older")}); err != nil {
		return err
	}
	newer, err := transactional(topic)
	if err != nil {
		return err
	}
	defer newer.Close()
	if err := begin(newer, topic, []matrix.Record{matrix.Plain("k", "of the newer")}); err != nil {
		return err
	}
	if err := newer.CommitTxn(); err != nil {
		return err
	}
	if err := older.CommitTxn(); !errors.Is(err, sarama.ErrProducerFenced) && !errors.Is(err, sarama.ErrInvalidProducerEpoch) {
		return fmt.Errorf("the older: %v", err)
	}
	messages, err := readWith(committedOnly(), topic, 0, sarama.OffsetOldest, 1)
	if err != nil {
		return err
	}
	// Its own record, and the marker that aborts it, come before the other's.
	if messages[0].Offset != 2 {
		return fmt.Errorf("the first is at offset %d", messages[0].Offset)
	}
	return matrix.Same([]matrix.Record{matrix.Plain("k", "of the newer")}, plain(messages))
}
