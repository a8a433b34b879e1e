package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	matrix "minikafka/clients/go"
)

func groups(admin *kadm.Client) []matrix.Feature {
	group, topic := prefix+"-group", topicOf("assign")
	return []matrix.Feature{
		{ID: "group-share", Try: groupShare},
		{ID: "group-commit", Try: func() error { return groupCommit(admin, group, topic) }},
		{ID: "group-resume", Try: func() error { return groupResume(group, topic) }},
		{ID: "list-groups", Try: func() error {
			listed, err := admin.ListGroups(context.Background())
			if err == nil && listed[group].ProtocolType != "consumer" {
				return fmt.Errorf("%q is %+v", group, listed[group])
			}
			return err
		}},
		{ID: "describe-group", Try: func() error {
			described, err := admin.DescribeGroups(context.Background(), group)
			if err == nil && described[group].State != "Empty" {
				return fmt.Errorf("%+v", described[group])
			}
			return err
		}},
		{ID: "list-group-offsets", Try: func() error { return committed(admin, group, topic, 0, 20) }},
		{ID: "delete-group-offsets", Try: func() error {
			deleted, err := admin.DeleteOffsets(context.Background(), group, kadm.TopicsSet{topic: {0: {}}})
			if err == nil {
				err = deleted.Error()
			}
			if err == nil {
				err = committed(admin, group, topic, 0, -1)
			}
			return err
		}},
		{ID: "delete-group", Try: func() error {
			deleted, err := admin.DeleteGroup(context.Background(), group)
			if err == nil {
				err = deleted.Err
			}
			if err != nil {
				return err
			}
			listed, err := admin.ListGroups(context.Background())
			if _, there := listed[group]; err == nil && there {
				return fmt.Errorf("%s is still there", group)
			}
			return err
		}},
	}
}

// committed checks the offset that a group has committed; -1: none.
func committed(admin *kadm.Client, group, topic string, partition int32, wanted int64) error {
	offsets, err := admin.FetchOffsets(context.Background(), group)
	if err != nil {
		return err
	}
	at := int64(-1)
	if found, there := offsets.Lookup(topic, partition); there && found.Err == nil {
		at = found.At
	}
	if at != wanted {
		return fmt.Errorf("committed offset %d instead of %d", at, wanted)
	}
	return nil
}

// member counts the partitions that it has.
type member struct {
	sync.Mutex
	client *kgo.Client
	owned  int
	read   int
}

func (m *member) owns(change int) {
	m.Lock()
	defer m.Unlock()
	m.owned += change
}

func newMember(group, topic string) *member {
	joined := &member{}
	moved := func(sign int) func(context.Context, *kgo.Client, map[string][]int32) {
		return func(_ context.Context, _ *kgo.Client, partitions map[string][]int32) {
			joined.owns(sign * len(partitions[topic]))
		}
	}
	joined.client = connect(
		kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic), kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()),
		kgo.HeartbeatInterval(200*time.Millisecond), kgo.FetchMaxWait(200*time.Millisecond),
		kgo.OnPartitionsAssigned(moved(1)), kgo.OnPartitionsRevoked(moved(-1)), kgo.OnPartitionsLost(moved(-1)),
	)
	return joined
}

func (m *member) consume(ctx context.Context, done *sync.WaitGroup) {
	defer done.Done()
	for ctx.Err() == nil {
		records := m.client.PollFetches(ctx).Records()
		m.Lock()
		m.read += len(records)
		m.Unlock()
	}
}

func groupShare() error {
	topic, group := topicOf("group-share"), prefix+"-sharing"
	ctx, cancel := within()
	defer cancel()
	members := []*member{newMember(group, topic), newMember(group, topic)}
	var done sync.WaitGroup
	for _, each := range members {
		done.Add(1)
		go each.consume(ctx, &done)
	}
	defer func() {
		cancel()
		done.Wait()
		for _, each := range members {
			each.client.Close()
		}
	}()
	each := func(what func(*member) int) bool {
		for _, one := range members {
			one.Lock()
			reached := what(one)
			one.Unlock()
			if reached < 1 {
				return false
			}
		}
		return true
	}
	if !until(ctx, func() bool { return each(func(m *member) int { return m.owned }) }) {
		return fmt.Errorf("not every member got a partition")
	}
	for partition := int32(0); partition < 2; partition++ {
		if _, err := send(topic, partition, matrix.Records()); err != nil {
			return err
		}
	}
	if !until(ctx, func() bool { return each(func(m *member) int { return m.read / 20 }) }) {
		return fmt.Errorf("not every member read its partition")
	}
	return nil
}

func until(ctx context.Context, holds func() bool) bool {
	for !holds() {
		select {
		case <-ctx.Done():
			return false
		case <-time.After(10 * time.Millisecond):
		}
	}
	return true
}

// groupCommit reads all of a topic that was written for another feature, and commits what it has read.
func groupCommit(admin *kadm.Client, group, topic string) error {
	reader := connect(kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic), kgo.DisableAutoCommit(),
		kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()))
	defer reader.Close()
	if _, err := poll(reader, 40); err != nil {
		return err
	}
	if err := reader.CommitUncommittedOffsets(context.Background()); err != nil {
		return err
	}
	return committed(admin, group, topic, 0, 20)
}

func groupResume(group, topic string) error {
	added := matrix.Records()[:3]
	if _, err := send(topic, 1, added); err != nil {
		return err
	}
	reader := connect(kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic), kgo.DisableAutoCommit())
	defer reader.Close()
	records, err := poll(reader, 3)
	if err != nil {
		return err
	}
	if records[0].Partition != 1 || records[0].Offset != 20 {
		return fmt.Errorf("went on at offset %d of partition %d", records[0].Offset, records[0].Partition)
	}
	return matrix.Same(added, plain(records))
}
