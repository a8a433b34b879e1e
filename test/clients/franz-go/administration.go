package main

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"

	matrix "minikafka/clients/go"
)

func administration(admin *kadm.Client) []matrix.Feature {
	ctx := context.Background()
	topic := topicOf("made")
	retention := "86400000"
	return []matrix.Feature{
		{ID: "create-topic", Try: func() error {
			created, err := admin.CreateTopic(ctx, 2, 1, map[string]*string{"retention.ms": &retention}, topic)
			if err == nil {
				err = created.Err
			}
			return err
		}},
		{ID: "list-topics", Try: func() error {
			topics, err := admin.ListTopics(ctx)
			if err == nil && !topics.Has(topic) {
				return fmt.Errorf("%s is not in the list", topic)
			}
			return err
		}},
		{ID: "describe-topic", Try: func() error { return hasPartitions(admin, topic, 2) }},
		{ID: "create-partitions", Try: func() error {
			added, err := admin.UpdatePartitions(ctx, 5, topic)
			if err == nil {
				err = added.Error()
			}
			if err != nil {
				return err
			}
			return hasPartitions(admin, topic, 5)
		}},
		{ID: "describe-configs", Try: func() error { return hasConfig(admin, topic, "retention.ms", retention) }},
		{ID: "alter-configs", Try: func() error {
			value := "3600000"
			altered, err := admin.AlterTopicConfigs(ctx, []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "retention.ms", Value: &value}}, topic)
			if err == nil {
				err = altered[0].Err
			}
			if err != nil {
				return err
			}
			return hasConfig(admin, topic, "retention.ms", value)
		}},
		{ID: "delete-topic", Try: func() error {
			deleted, err := admin.DeleteTopic(ctx, topic)
			if err == nil {
				err = deleted.Err
			}
			if err != nil {
				return err
			}
			// Its list may be a few seconds old.
			ctx, cancel := within()
			defer cancel()
			isGone := func() bool {
				topics, err := admin.ListTopics(ctx)
				return err == nil && !topics.Has(topic)
			}
			if !until(ctx, isGone) {
				return fmt.Errorf("%s is still in the list", topic)
			}
			return nil
		}},
		{ID: "delete-records", Try: func() error { return deleteRecords(admin) }},
		{ID: "describe-cluster", Try: func() error {
			found, err := admin.BrokerMetadata(ctx)
			if err == nil && (len(found.Brokers) == 0 || found.Cluster == "" || found.Controller < 0) {
				return fmt.Errorf("%+v", found)
			}
			return err
		}},
	}
}

func hasPartitions(admin *kadm.Client, topic string, wanted int) error {
	topics, err := admin.ListTopics(context.Background(), topic)
	if err != nil {
		return err
	}
	partitions := topics[topic].Partitions
	if len(partitions) != wanted || partitions[0].Leader < 0 || len(partitions[0].ISR) != 1 {
		return fmt.Errorf("%+v", topics[topic])
	}
	return nil
}

func hasConfig(admin *kadm.Client, topic, name, wanted string) error {
	described, err := admin.DescribeTopicConfigs(context.Background(), topic)
	if err != nil {
		return err
	}
	for _, config := range described[0].Configs {
		if config.Key == name && config.MaybeValue() == wanted {
			return nil
		}
	}
	return fmt.Errorf("%s is not %s: %+v", name, wanted, described[0])
}

func deleteRecords(admin *kadm.Client) error {
	topic := topicOf("delete-records")
	if _, err := send(topic, 0, matrix.Records()); err != nil {
		return err
	}
	upTo := kadm.Offsets{}
	upTo.AddOffset(topic, 0, 12, -1)
	deleted, err := admin.DeleteRecords(context.Background(), upTo)
	if err == nil {
		err = deleted.Error()
	}
	if err != nil {
		return err
	}
	if answer, _ := deleted.Lookup(topic, 0); answer.LowWatermark != 12 {
		return fmt.Errorf("low watermark %d", answer.LowWatermark)
	}
	records, err := read(topic, 0, 12, 8)
	if err != nil {
		return err
	}
	return matrix.Same(matrix.Records()[12:], plain(records))
}
