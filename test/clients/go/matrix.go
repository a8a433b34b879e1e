// Package matrix has what the Go programs of the client matrix share: ../matrix/program.ts says what they print, ../matrix/features.ts
// what they send.
package matrix

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"strings"
)

// Codecs by the partition of PREFIX-codecs, and of SHARED, that holds their records.
var Codecs = []string{"none", "gzip", "snappy", "lz4", "zstd"}

// Header of a record.
type Header struct {
	Name  string
	Value []byte
}

// Record as it is sent and as it must be read.
type Record struct {
	Key, Value  []byte
	TimestampMs int64
	Headers     []Header
}

// Records are the 20 that go into most topics.
func Records() []Record {
	records := make([]Record, 20)
	for n := range records {
		value := make([]byte, 100+10*n)
		for at := range value {
			value[at] = byte((7*at + n) % 256)
		}
		records[n] = Record{
			Key:         []byte(fmt.Sprintf("key-%d", n)),
			Value:       value,
			TimestampMs: 1_700_000_000_000 + 1000*int64(n),
			Headers:     []Header{{"number", []byte(fmt.Sprint(n))}, {"bytes", []byte{0, 255, byte(n)}}},
		}
	}
	return records
}

// Commits says what becomes of the transactions 1 to 10: the odd ones abort. The last commits, so that its records stand at the end for
// every reader.
func Commits(transaction int) bool { return transaction%2 == 0 }

// Plain is a record with text alone.
func Plain(key, value string) Record {
	return Record{Key: []byte(key), Value: []byte(value), TimestampMs: 1_700_000_000_000}
}

// TransactionRecords are what a transaction writes into a partition of `transactions`.
func TransactionRecords(transaction int, partition int32) []Record {
	records := make([]Record, 2)
	for n := range records {
		records[n] = Plain(fmt.Sprint(transaction), fmt.Sprintf("%d/%d/%d", transaction, partition, n))
	}
	return records
}

// allTransactionRecords are what a reader must see of the ten, and at which offsets: each has two records and its marker.
func allTransactionRecords(partition int32, committedOnly bool) (records []Record, offsets []int64) {
	for number := 1; number <= 10; number++ {
		if Commits(number) || !committedOnly {
			records = append(records, TransactionRecords(number, partition)...)
			offsets = append(offsets, int64(3*number-3), int64(3*number-2))
		}
	}
	return records, offsets
}

// ReadsTransactions holds what a client reads of each partition, with the offsets, to what a reader must see of the ten.
func ReadsTransactions(committedOnly bool, read func(partition int32, count int) ([]Record, []int64, error)) error {
	for partition := int32(0); partition < 2; partition++ {
		wanted, wantedAt := allTransactionRecords(partition, committedOnly)
		got, gotAt, err := read(partition, len(wanted))
		if err != nil {
			return err
		}
		if err := Same(wanted, got); err != nil {
			return fmt.Errorf("partition %d: %w", partition, err)
		}
		for n, record := range got {
			if gotAt[n] != wantedAt[n] {
				return fmt.Errorf("partition %d: %s is at offset %d", partition, record.Value, gotAt[n])
			}
		}
	}
	return nil
}

// Transformed are the records that PREFIX-transformed gets for the first ten of PREFIX-transaction-offsets.
func Transformed() []Record {
	records := Records()[:10]
	for n, record := range records {
		records[n] = Plain(string(record.Key), fmt.Sprintf("of %d bytes", len(record.Value)))
	}
	return records
}

// Same says where two lists of records differ; nil when they don't. A nil key or value is not an empty one.
func Same(wanted, got []Record) error {
	if len(wanted) != len(got) {
		return fmt.Errorf("%d records instead of %d", len(got), len(wanted))
	}
	for n := range wanted {
		w, g := wanted[n], got[n]
		switch {
		case !sameBytes(w.Key, g.Key):
			return fmt.Errorf("record %d: key %q instead of %q", n, g.Key, w.Key)
		case !sameBytes(w.Value, g.Value):
			return fmt.Errorf("record %d: %d other bytes of value instead of %d", n, len(g.Value), len(w.Value))
		case w.TimestampMs != g.TimestampMs:
			return fmt.Errorf("record %d: timestamp %d instead of %d", n, g.TimestampMs, w.TimestampMs)
		case len(w.Headers) != len(g.Headers):
			return fmt.Errorf("record %d: %d headers instead of %d", n, len(g.Headers), len(w.Headers))
		}
		for at, header := range w.Headers {
			if header.Name != g.Headers[at].Name || !sameBytes(header.Value, g.Headers[at].Value) {
				return fmt.Errorf("record %d: header %q: %q", n, g.Headers[at].Name, g.Headers[at].Value)
			}
		}
	}
	return nil
}

func sameBytes(a, b []byte) bool { return (a == nil) == (b == nil) && bytes.Equal(a, b) }

// ErrNotInClient is wrapped by the error of a feature that the library does not have.
var ErrNotInClient = errors.New("not in this client")

// Feature is one thing to try: an error is a failure.
type Feature struct {
	ID  string
	Try func() error
}

// Run tries those that the program was told to try, and prints what came of each.
func Run(client, module string, features []Feature) {
	wanted := strings.Split(os.Args[4], ",")
	out := json.NewEncoder(os.Stdout)
	out.Encode(map[string]string{"client": client, "version": versionOf(module)})
	for _, feature := range features {
		if !slices.Contains(wanted, feature.ID) {
			continue
		}
		line := map[string]any{"feature": feature.ID, "ok": true}
		if err := feature.Try(); errors.Is(err, ErrNotInClient) {
			line["ok"], line["detail"] = nil, strings.TrimPrefix(err.Error(), ErrNotInClient.Error()+": ")
		} else if err != nil {
			line["ok"], line["detail"] = false, err.Error()
		}
		out.Encode(line)
	}
}

// NotInClient is the error of a feature that the library does not have.
func NotInClient(why string) error { return fmt.Errorf("%w: %s", ErrNotInClient, why) }

func versionOf(module string) string {
	build, _ := debug.ReadBuildInfo()
	for _, dependency := range build.Deps {
		if dependency.Path == module {
			return strings.TrimPrefix(dependency.Version, "v")
		}
	}
	return "unknown"
}
