package main

import (
	"fmt"

	"github.com/IBM/sarama"

	matrix "minikafka/clients/go"
)

func consuming(client sarama.Client) []matrix.Feature {
	return []matrix.Feature{
		{ID: "assign", Try: assign},
		{ID: "seek", Try: func() error {
			// A partition is read from an offset that is given when its reading begins.
			messages, err := read(topicOf("assign"), 0, 7, 13)
			if err != nil {
				return err
			}
			return matrix.Same(matrix.Records()[7:], plain(messages))
		}},
		{ID: "position", Try: func() error { return matrix.NotInClient("messages carry their offsets, there is no position") }},
		{ID: "beginning-and-end", Try: func() error {
			start, err := client.GetOffset(topicOf("assign"), 1, sarama.OffsetOldest)
			if err != nil {
				return err
			}
			end, err := client.GetOffset(topicOf("assign"), 1, sarama.OffsetNewest)
			if err == nil && (start != 0 || end != 20) {
				return fmt.Errorf("%d and %d", start, end)
			}
			return err
		}},
		{ID: "offsets-for-times", Try: func() error {
			for _, each := range []struct{ timestamp, offset int64 }{{1_700_000_000_000, 0}, {1_700_000_004_001, 5}, {1_700_000_019_000, 19}} {
				offset, err := client.GetOffset(topicOf("assign"), 0, each.timestamp)
				if err != nil {
					return err
				}
				if offset != each.offset {
					return fmt.Errorf("offset %d for %d", offset, each.timestamp)
				}
			}
			return nil
		}},
	}
}

func assign() error {
	for partition := int32(0); partition < 2; partition++ {
		if err := roundTrip(topicOf("assign"), partition, matrix.Records(), config()); err != nil {
			return fmt.Errorf("partition %d: %w", partition, err)
		}
	}
	return nil
}
