package main

import (
	"context"
	"fmt"
	"sync"

	"github.com/IBM/sarama"

	matrix "minikafka/clients/go"
)

func groups(admin sarama.ClusterAdmin) []matrix.Feature {
	group, topic := prefix+"-group", topicOf("assign")
	return []matrix.Feature{
		{ID: "group-share", Try: groupShare},
		{ID: "group-commit", Try: func() error { return groupCommit(admin, group, topic) }},
		{ID: "group-resume", Try: func() error { return groupResume(group, topic) }},
		{ID: "list-groups", Try: func() error {
			listed, err := admin.ListConsumerGroups()
			if err == nil && listed[group] != "consumer" {
				return fmt.Errorf("%s is of type %q", group, listed[group])
			}
			return err
		}},
		{ID: "describe-group", Try: func() error {
			described, err := admin.DescribeConsumerGroups([]string{group})
			if err == nil && described[0].State != "Empty" {
				return fmt.Errorf("%+v", described[0])
			}
			return err
		}},
		{ID: "list-group-offsets", Try: func() error { return committed(admin, group, topic, 20) }},
		{ID: "delete-group-offsets", Try: func() error {
			if err := admin.DeleteConsumerGroupOffset(group, topic, 0); err != nil {
				return err
			}
			return committed(admin, group, topic, -1)
		}},
		{ID: "delete-group", Try: func() error {
			if err := admin.DeleteConsumerGroup(group); err != nil {
				return err
			}
			listed, err := admin.ListConsumerGroups()
			if _, there := listed[group]; err == nil && there {
				return fmt.Errorf("%s is still there", group)
			}
			return err
		}},
	}
}

// committed checks what a group has committed for partition 0; -1: nothing.
func committed(admin sarama.ClusterAdmin, group, topic string, wanted int64) error {
	offsets, err := admin.ListConsumerGroupOffsets(group, map[string][]int32{topic: {0}})
	if err != nil {
		return err
	}
	if block := offsets.GetBlock(topic, 0); block == nil || block.Err != sarama.ErrNoError || block.Offset != wanted {
		return fmt.Errorf("%+v instead of %d", block, wanted)
	}
	return nil
}

// member reads as one of a group. Its messages are marked, and committed when it leaves; not those of one that sends its offsets with
// transactions.
type member struct {
	sync.Mutex
	transacts bool
	session   sarama.ConsumerGroupSession
	owned     int
	messages  []*sarama.ConsumerMessage
	leave     func()
}

func (m *member) Setup(session sarama.ConsumerGroupSession) error {
	m.Lock()
	defer m.Unlock()
	m.owned = 0
	m.session = session
	for _, partitions := range session.Claims() {
		m.owned += len(partitions)
	}
	return nil
}

func (m *member) Cleanup(session sarama.ConsumerGroupSession) error {
	session.Commit()
	return nil
}

func (m *member) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for message := range claim.Messages() {
		m.Lock()
		m.messages = append(m.messages, message)
		m.Unlock()
		if !m.transacts {
			session.MarkMessage(message, "")
		}
	}
	return nil
}

// has asks under its lock.
func (m *member) has(what func() bool) bool {
	m.Lock()
	defer m.Unlock()
	return what()
}

func join(group, topic string) (*member, error) { return joinAs(&member{}, group, topic) }

func joinAs(joined *member, group, topic string) (*member, error) {
	consumer, err := sarama.NewConsumerGroup(bootstrap, group, config())
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	joined.leave = func() {
		cancel()
		<-ended
		consumer.Close()
	}
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			if consumer.Consume(ctx, []string{topic}, joined) != nil {
				return
			}
		}
	}()
	return joined, nil
}

func groupShare() error {
	topic, group := topicOf("group-share"), prefix+"-sharing"
	members := []*member{}
	for range 2 {
		joined, err := join(group, topic)
		if err != nil {
			return err
		}
		defer joined.leave()
		members = append(members, joined)
	}
	each := func(what func(*member) bool) bool {
		for _, one := range members {
			if !one.has(func() bool { return what(one) }) {
				return false
			}
		}
		return true
	}
	if !until(func() bool { return each(func(m *member) bool { return m.owned == 1 }) }) {
		return fmt.Errorf("not every member got a partition")
	}
	for partition := int32(0); partition < 2; partition++ {
		if _, err := send(topic, partition, matrix.Records(), config()); err != nil {
			return err
		}
	}
	if !until(func() bool { return each(func(m *member) bool { return len(m.messages) == 20 }) }) {
		return fmt.Errorf("not every member read its partition")
	}
	return nil
}

// groupCommit reads all of a topic that was written for another feature; what it has read is committed when it leaves.
func groupCommit(admin sarama.ClusterAdmin, group, topic string) error {
	joined, err := join(group, topic)
	if err != nil {
		return err
	}
	if !until(func() bool { return joined.has(func() bool { return len(joined.messages) == 40 }) }) {
		joined.leave()
		return fmt.Errorf("%d of 40 records came", len(joined.messages))
	}
	joined.leave()
	return committed(admin, group, topic, 20)
}

func groupResume(group, topic string) error {
	added := matrix.Records()[:3]
	if _, err := send(topic, 1, added, config()); err != nil {
		return err
	}
	joined, err := join(group, topic)
	if err != nil {
		return err
	}
	came := until(func() bool { return joined.has(func() bool { return len(joined.messages) >= 3 }) })
	joined.leave()
	if !came || joined.messages[0].Partition != 1 || joined.messages[0].Offset != 20 {
		return fmt.Errorf("went on with %+v", joined.messages)
	}
	return matrix.Same(added, plain(joined.messages))
}
