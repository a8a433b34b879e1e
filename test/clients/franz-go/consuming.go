package main

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	matrix "minikafka/clients/go"
)

func consuming(admin *kadm.Client) []matrix.Feature {
	return []matrix.Feature{
		{ID: "assign", Try: assign},
		{ID: "seek", Try: seek},
		{ID: "position", Try: func() error { return matrix.NotInClient("records carry their offsets, there is no position") }},
		{ID: "beginning-and-end", Try: func() error { return beginningAndEnd(admin) }},
		{ID: "offsets-for-times", Try: func() error { return offsetsForTimes(admin) }},
	}
}

func assign() error {
	for partition := int32(0); partition < 2; partition++ {
		if _, err := send(topicOf("assign"), partition, matrix.Records()); err != nil {
			return err
		}
	}
	start := kgo.NewOffset().AtStart()
	client := connect(kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topicOf("assign"): {0: start, 1: start}}))
	defer client.Close()
	records, err := poll(client, 40)
	if err != nil {
		return err
	}
	byPartition := map[int32][]*kgo.Record{}
	for _, record := range records {
		byPartition[record.Partition] = append(byPartition[record.Partition], record)
	}
	for partition := int32(0); partition < 2; partition++ {
		if err := matrix.Same(matrix.Records(), plain(byPartition[partition])); err != nil {
			return fmt.Errorf("partition %d: %w", partition, err)
		}
	}
	return nil
}

func seek() error {
	topic := topicOf("assign")
	client := connect(kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().AtStart()}}))
	defer client.Close()
	if _, err := poll(client, 20); err != nil {
		return err
	}
	client.SetOffsets(map[string]map[int32]kgo.EpochOffset{topic: {0: {Epoch: -1, Offset: 7}}})
	records, err := poll(client, 13)
	if err != nil {
		return err
	}
	return matrix.Same(matrix.Records()[7:], plain(records))
}

func beginningAndEnd(admin *kadm.Client) error {
	ctx, cancel := within()
	defer cancel()
	starts, err := admin.ListStartOffsets(ctx, topicOf("assign"))
	if err != nil {
		return err
	}
	ends, err := admin.ListEndOffsets(ctx, topicOf("assign"))
	if err != nil {
		return err
	}
	start, _ := starts.Lookup(topicOf("assign"), 1)
	end, _ := ends.Lookup(topicOf("assign"), 1)
	if start.Err != nil || end.Err != nil || start.Offset != 0 || end.Offset != 20 {
		return fmt.Errorf("%d (%v) and %d (%v)", start.Offset, start.Err, end.Offset, end.Err)
	}
	return nil
}

func offsetsForTimes(admin *kadm.Client) error {
	ctx, cancel := within()
	defer cancel()
	for _, each := range []struct{ timestamp, offset int64 }{{1_700_000_000_000, 0}, {1_700_000_004_001, 5}, {1_700_000_019_000, 19}} {
		listed, err := admin.ListOffsetsAfterMilli(ctx, each.timestamp, topicOf("assign"))
		if err != nil {
			return err
		}
		if found, _ := listed.Lookup(topicOf("assign"), 0); found.Err != nil || found.Offset != each.offset {
			return fmt.Errorf("offset %d (%v) for %d", found.Offset, found.Err, each.timestamp)
		}
	}
	return nil
}
