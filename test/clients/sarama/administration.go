package main

import (
	"fmt"

	"github.com/IBM/sarama"

	matrix "minikafka/clients/go"
)

func administration(admin sarama.ClusterAdmin) []matrix.Feature {
	topic := topicOf("made")
	retention := "86400000"
	return []matrix.Feature{
		{ID: "create-topic", Try: func() error {
			detail := &sarama.TopicDetail{NumPartitions: 2, ReplicationFactor: 1, ConfigEntries: map[string]*string{"retention.ms": &retention}}
			return admin.CreateTopic(topic, detail, false)
		}},
		{ID: "list-topics", Try: func() error {
			topics, err := admin.ListTopics()
			if found := topics[topic]; err == nil && found.NumPartitions != 2 {
				return fmt.Errorf("%+v", found)
			}
			return err
		}},
		{ID: "describe-topic", Try: func() error { return hasPartitions(admin, topic, 2) }},
		{ID: "create-partitions", Try: func() error {
			if err := admin.CreatePartitions(topic, 5, nil, false); err != nil {
				return err
			}
			return hasPartitions(admin, topic, 5)
		}},
		{ID: "describe-configs", Try: func() error { return hasConfig(admin, topic, "retention.ms", retention) }},
		{ID: "alter-configs", Try: func() error {
			value := "3600000"
			set := map[string]sarama.IncrementalAlterConfigsEntry{
				"retention.ms": {Operation: sarama.IncrementalAlterConfigsOperationSet, Value: &value},
			}
			if err := admin.IncrementalAlterConfig(sarama.TopicResource, topic, set, false); err != nil {
				return err
			}
			return hasConfig(admin, topic, "retention.ms", value)
		}},
		{ID: "delete-topic", Try: func() error {
			if err := admin.DeleteTopic(topic); err != nil {
				return err
			}
			topics, err := admin.ListTopics()
			if _, there := topics[topic]; err == nil && there {
				return fmt.Errorf("%s is still in the list", topic)
			}
			return err
		}},
		{ID: "delete-records", Try: func() error { return deleteRecords(admin) }},
		{ID: "describe-cluster", Try: func() error {
			brokers, controller, err := admin.DescribeCluster()
			if err == nil && (len(brokers) == 0 || controller < 0) {
				return fmt.Errorf("%d brokers, controller %d", len(brokers), controller)
			}
			return err
		}},
	}
}

func hasPartitions(admin sarama.ClusterAdmin, topic string, wanted int) error {
	topics, err := admin.DescribeTopics([]string{topic})
	if err != nil {
		return err
	}
	partitions := topics[0].Partitions
	if len(partitions) != wanted || partitions[0].Leader < 0 || len(partitions[0].Isr) != 1 {
		return fmt.Errorf("%+v", topics[0])
	}
	return nil
}

func hasConfig(admin sarama.ClusterAdmin, topic, name, wanted string) error {
	entries, err := admin.DescribeConfig(sarama.ConfigResource{Type: sarama.TopicResource, Name: topic, ConfigNames: []string{name}})
	if err != nil {
		return err
	}
	if len(entries) != 1 || entries[0].Value != wanted {
		return fmt.Errorf("%s is not %s: %+v", name, wanted, entries)
	}
	return nil
}

func deleteRecords(admin sarama.ClusterAdmin) error {
	topic := topicOf("delete-records")
	if _, err := send(topic, 0, matrix.Records(), config()); err != nil {
		return err
	}
	if err := admin.DeleteRecords(topic, map[int32]int64{0: 12}); err != nil {
		return err
	}
	messages, err := read(topic, 0, sarama.OffsetOldest, 8)
	if err != nil {
		return err
	}
	if messages[0].Offset != 12 {
		return fmt.Errorf("first offset %d", messages[0].Offset)
	}
	return matrix.Same(matrix.Records()[12:], plain(messages))
}
