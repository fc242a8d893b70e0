package stream

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/ordinaut/ordinaut"
)

const (
	stampLayout = "2006-01-02T15:04:05.999999Z"
	// eventsMaxLen is about how many events a namespace keeps, lifecycle and published ones together.
	eventsMaxLen = 10000
)

// addEntry returns the command that appends an entry to its run's stream. A stream that should exist
// is not made anew: the answer is nil then, and says that earlier entries are lost.
func addEntry(ctx context.Context, key string, p *ordinaut.Progress, create bool, maxLen int64) *redis.StringCmd {
	args := make([]any, 0, 22)
	args = append(args, "xadd", key)
	if !create {
		args = append(args, "nomkstream")
	}
	args = append(args, "maxlen", "~", maxLen, strconv.FormatInt(p.Seq, 10)+"-0",
		"seq", p.Seq, "type", string(p.Type), "at", p.At.UTC().Format(stampLayout))
	if p.State != "" {
		args = append(args, "state", p.State)
	}
	if p.Step != "" {
		args = append(args, "step", p.Step)
	}
	if p.Percent != nil {
		args = append(args, "percent", strconv.FormatFloat(*p.Percent, 'g', -1, 64))
	}
	if p.Message != "" {
		args = append(args, "message", p.Message)
	}
	return redis.NewStringCmd(ctx, args...)
}

// addEvent returns the command that appends a lifecycle event to its namespace's stream.
func addEvent(ctx context.Context, key, kind string, e *ordinaut.RunProgress) *redis.StringCmd {
	args := make([]any, 0, 16)
	args = append(args, "xadd", key, "maxlen", "~", eventsMaxLen, "*",
		"type", kind, "at", e.At.UTC().Format(stampLayout), "run_id", e.RunID.String(), "task_id", e.TaskID.String())
	if e.Reason != "" {
		args = append(args, "reason", string(e.Reason))
	}
	return redis.NewStringCmd(ctx, args...)
}

// published is the type of the entries that addPublished makes.
const published = "event"

// addPublished returns the command that appends an event to its namespace's stream.
func addPublished(ctx context.Context, key string, e *ordinaut.Event) *redis.StringCmd {
	args := make([]any, 0, 18)
	args = append(args, "xadd", key, "maxlen", "~", eventsMaxLen, "*",
		"type", published, "at", e.At.UTC().Format(stampLayout), "event_id", e.ID.String(), "topic", e.Topic)
	if !e.RunID.IsZero() {
		args = append(args, "run_id", e.RunID.String())
	}
	if len(e.Payload) > 0 {
		args = append(args, "payload", []byte(e.Payload))
	}
	return redis.NewStringCmd(ctx, args...)
}

// eventOf returns the lifecycle event that an entry is, or "".
func eventOf(e *ordinaut.RunProgress) string {
	switch e.Type {
	case ordinaut.ProgressQueued, ordinaut.ProgressStarted:
		return string(e.Type)
	case ordinaut.ProgressFinished:
		return "run." + e.State
	default:
		return ""
	}
}

// parseEntry reads what addEntry wrote.
func parseEntry(m redis.XMessage) (ordinaut.Progress, error) {
	var p ordinaut.Progress
	seq, _, _ := strings.Cut(m.ID, "-")
	var err error
	if p.Seq, err = strconv.ParseInt(seq, 10, 64); err != nil {
		return p, fmt.Errorf("entry %q: its id is no number", m.ID)
	}
	p.Type = ordinaut.ProgressType(field(m, "type"))
	if p.At, err = time.Parse(time.RFC3339Nano, field(m, "at")); err != nil {
		return p, fmt.Errorf("entry %q: %w", m.ID, err)
	}
	p.State, p.Step, p.Message = field(m, "state"), field(m, "step"), field(m, "message")
	if text := field(m, "percent"); text != "" {
		percent, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return p, fmt.Errorf("entry %q: %w", m.ID, err)
		}
		p.Percent = &percent
	}
	return p, nil
}

func field(m redis.XMessage, name string) string {
	text, _ := m.Values[name].(string)
	return text
}
