package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	matrix "minikafka/clients/go"
)

var committedOnly = kgo.FetchIsolationLevel(kgo.ReadCommitted())

func transactions(admin *kadm.Client) []matrix.Feature {
	return []matrix.Feature{
		{ID: "transactions", Try: commitAndAbort},
		{ID: "transaction-offsets", Try: func() error { return transactionOffsets(admin) }},
		{ID: "transaction-fencing", Try: fencing},
		{ID: "committed-of-kafkajs", Try: func() error { return readsTransactions(shared+"-transactions", true) }},
		{ID: "uncommitted-of-kafkajs", Try: func() error { return readsTransactions(shared+"-transactions", false) }},
	}
}

func transactional(id string) *kgo.Client {
	return connect(kgo.TransactionalID(id), kgo.RecordPartitioner(kgo.ManualPartitioner()))
}

func end(client *kgo.Client, commit kgo.TransactionEndTry) error {
	ctx, cancel := within()
	defer cancel()
	return client.EndTransaction(ctx, commit)
}

func begin(client *kgo.Client, topic string, partition int32, records []matrix.Record) error {
	ctx, cancel := within()
	defer cancel()
	if err := client.BeginTransaction(); err != nil {
		return err
	}
	return client.ProduceSync(ctx, toSend(topic, partition, records)...).FirstErr()
}

func commitAndAbort() error {
	client := transactional(topicOf("transactions"))
	defer client.Close()
	for number := 1; number <= 10; number++ {
		if err := begin(client, topicOf("transactions"), 0, matrix.TransactionRecords(number, 0)); err != nil {
			return err
		}
		more := toSend(topicOf("transactions"), 1, matrix.TransactionRecords(number, 1))
		if err := client.ProduceSync(context.Background(), more...).FirstErr(); err != nil {
			return err
		}
		if err := end(client, kgo.TransactionEndTry(matrix.Commits(number))); err != nil {
			return err
		}
	}
	if err := readsTransactions(topicOf("transactions"), true); err != nil {
		return err
	}
	return readsTransactions(topicOf("transactions"), false)
}

func readsTransactions(topic string, committed bool) error {
	options := []kgo.Opt{}
	if committed {
		options = append(options, committedOnly)
	}
	return matrix.ReadsTransactions(committed, func(partition int32, count int) ([]matrix.Record, []int64, error) {
		got, err := read(topic, partition, 0, count, options...)
		offsets := make([]int64, len(got))
		for n, record := range got {
			offsets[n] = record.Offset
		}
		return plain(got), offsets, err
	})
}

// transactionOffsets has a session, which gives the offsets of what it has polled to a transaction that commits, and polls it again after
// one that aborts.
func transactionOffsets(admin *kadm.Client) error {
	topic, group, transformed := topicOf("transaction-offsets"), prefix+"-transforming", topicOf("transformed")
	if _, err := send(topic, 0, matrix.Records()); err != nil {
		return err
	}
	session, err := kgo.NewGroupTransactSession(
		kgo.SeedBrokers(bootstrap...), kgo.TransactionalID(group), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic), kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()), committedOnly,
	)
	if err != nil {
		return err
	}
	defer session.Close()
	for _, commit := range []bool{false, true} {
		if err := committed(admin, group, topic, 0, -1); err != nil {
			return err
		}
		if err := transform(session, transformed, commit); err != nil {
			return err
		}
	}
	ctx, cancel := within()
	defer cancel()
	if !until(ctx, func() bool { return committed(admin, group, topic, 0, 10) == nil }) {
		return committed(admin, group, topic, 0, 10)
	}
	records, err := read(transformed, 0, 0, 10, committedOnly)
	if err != nil {
		return err
	}
	// It comes behind ten records and the marker of the first.
	if records[0].Offset != 11 {
		return fmt.Errorf("the first is at offset %d", records[0].Offset)
	}
	return matrix.Same(matrix.Transformed(), plain(records))
}

func transform(session *kgo.GroupTransactSession, to string, commit bool) error {
	ctx, cancel := within()
	defer cancel()
	polled := 0
	for polled < 10 {
		fetches := session.PollRecords(ctx, 10-polled)
		if err := fetches.Err(); err != nil {
			return err
		}
		for _, record := range fetches.Records() {
			if record.Offset != int64(polled) {
				return fmt.Errorf("offset %d instead of %d", record.Offset, polled)
			}
			polled++
		}
	}
	if err := session.Begin(); err != nil {
		return err
	}
	if err := session.ProduceSync(ctx, toSend(to, 0, matrix.Transformed())...).FirstErr(); err != nil {
		return err
	}
	committed, err := session.End(ctx, kgo.TransactionEndTry(commit))
	if err == nil && committed != commit {
		return fmt.Errorf("committed: %t instead of %t", committed, commit)
	}
	return err
}

func fencing() error {
	topic := topicOf("transaction-fencing")
	older, newer := transactional(topic), transactional(topic)
	defer older.Close()
	defer newer.Close()
	if err := begin(older, topic, 0, []matrix.Record{matrix.Plain("k", "of the older")}); err != nil {
		return err
	}
	if err := begin(newer, topic, 0, []matrix.Record{matrix.Plain("k", "of the newer")}); err != nil {
		return err
	}
	if err := end(newer, kgo.TryCommit); err != nil {
		return err
	}
	if err := end(older, kgo.TryCommit); !errors.Is(err, kerr.ProducerFenced) && !errors.Is(err, kerr.InvalidProducerEpoch) {
		return fmt.Errorf("the older: %v", err)
	}
	records, err := read(topic, 0, 0, 1, committedOnly)
	if err != nil {
		return err
	}
	// Its own record, and the marker that aborts it, come before the other's.
	if records[0].Offset != 2 {
		return fmt.Errorf("the first is at offset %d", records[0].Offset)
	}
	return matrix.Same([]matrix.Record{matrix.Plain("k", "of the newer")}, plain(records))
}
