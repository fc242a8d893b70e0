package ordinaut

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

const (
	// MaxTopicBytes is the most that a topic may have.
	MaxTopicBytes = 200
	// MaxPayloadBytes is the most that an event's payload may have, as JSON.
	MaxPayloadBytes = 256 << 10
	// MaxHops is the most hops with which an event starts tasks.
	MaxHops = 8
)

// EventSource says who published an event.
type EventSource string

// Sources of events.
const (
	EventFromRun    EventSource = "run"    // a step with event.publish
	EventFromTool   EventSource = "tool"   // publish_event
	EventFromHook   EventSource = "hook"   // a signed webhook
	EventFromInbox  EventSource = "inbox"  // the namespace's inbox in Redis
	EventFromSystem EventSource = "system" // the program itself, under a reserved topic
)

// reservedTopics are the first words of topics under which only the program publishes.
func reservedTopics() []string { return []string{"task", "run", "approval", "condition"} }

// CheckTopic returns an invalid_argument [Error] for a topic that nobody may publish under: one that is
// not words of small letters, digits, _ and - joined by dots, or whose first word is reserved.
func CheckTopic(topic string) error {
	fault := ""
	switch {
	case topic == "":
		fault = "the topic is empty"
	case len(topic) > MaxTopicBytes:
		fault = fmt.Sprintf("the topic has %d bytes, at most %d are allowed", len(topic), MaxTopicBytes)
	case !wordsOfTopic(topic):
		fault = "a topic is words of small letters, digits, _ and -, joined by dots"
	}
	first, _, _ := strings.Cut(topic, ".")
	for _, word := range reservedTopics() {
		if fault == "" && first == word {
			fault = fmt.Sprintf("topics under %s. are published by Ordinaut itself; choose another first word", word)
		}
	}
	if fault == "" {
		return nil
	}
	return &Error{Code: CodeInvalidArgument, Pointer: "/topic", Msg: fault, Example: "email.received"}
}

func wordsOfTopic(topic string) bool {
	for word := range strings.SplitSeq(topic, ".") {
		if !IsTopicWord(word) {
			return false
		}
	}
	return true
}

// IsTopicWord reports whether word may stand between the dots of a topic.
func IsTopicWord(word string) bool {
	for i := range len(word) {
		if c := word[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' && c != '-' {
			return false
		}
	}
	return word != ""
}

// View returns the event as expressions see it: id, topic, payload, at and source. The error says that
// the payload is no JSON.
func (e *Event) View() (map[string]any, error) {
	var payload any
	if len(e.Payload) > 0 {
		if err := json.Unmarshal(e.Payload, &payload); err != nil {
			return nil, fmt.Errorf("the payload of %s: %w", e.ID, err)
		}
	}
	return map[string]any{
		"id": e.ID.String(), "topic": e.Topic, "payload": payload, "source": string(e.Source),
		"at": e.At.UTC().Format(time.RFC3339Nano),
	}, nil
}

// TopicMatches reports whether topic matches pattern, in which * stands for one word and ** for any number
// of them, none included. Its cost is bounded by the product of their words.
func TopicMatches(pattern, topic string) bool {
	words, rest := strings.Split(topic, "."), strings.Split(pattern, ".")
	// fits[i] says that what has been read of the pattern matches the first i words.
	fits := make([]bool, len(words)+1)
	fits[0] = true
	for _, p := range rest {
		next := make([]bool, len(words)+1)
		reached := false
		for i := range next {
			reached = reached || fits[i]
			switch {
			case p == "**":
				next[i] = reached
			case i > 0:
				next[i] = fits[i-1] && (p == "*" || p == words[i-1])
			}
		}
		fits = next
	}
	return fits[len(words)]
}

// EventTask is a task of kind event, as a scheduler sees it that passes events on.
type EventTask struct {
	NamespaceID NamespaceID `db:"namespace_id"`
	TaskID      TaskID      `db:"id"`
	Version     int         `db:"version"`
	CreatedAt   time.Time   `db:"created_at"`
	Schedule
	State TaskState `db:"state"`
	// PausedReason is why it is paused, if it is.
	PausedReason Reason `db:"paused_reason"`
	// RunsStarted counts the runs that events have started, for max_runs.
	RunsStarted int `db:"runs_started"`
	// Busy reports whether a run of the task is live, Buffered how many of those wait for another to end.
	Busy     bool `db:"busy"`
	Buffered int  `db:"buffered"`
	// AgentQuiet is the quiet hours of the task's owner.
	AgentQuiet *Quiet `db:"agent_quiet"`
	// Held is the event that the task waits with; nil if it waits with none.
	Held *HeldEvent `db:"-"`
	// Matches are the events whose topic matches, oldest first.
	Matches []EventMatch `db:"-"`
}

// EventMatch is an event whose topic matches a task's pattern.
type EventMatch struct {
	Event *Event
	// Void says that the task's filter or window excludes the event, so that it is no occurrence of it.
	Void bool
	// Reason, if set, is why the event starts nothing, whatever else there is.
	Reason Reason
	// Key is the digest of the value of dedupe_by; empty for none. Seen reports whether the task has
	// started for the same within the window.
	Key  []byte
	Seen bool
}

// HeldEvent is the latest event of a burst that a task waits out.
type HeldEvent struct {
	TaskID  TaskID    `db:"task_id"`
	EventID EventID   `db:"event_id"`
	EventAt time.Time `db:"event_at"`
	// FirstAt is when the burst began, DueAt when the task starts unless another event comes.
	FirstAt time.Time `db:"first_at"`
	DueAt   time.Time `db:"due_at"`
}

// EventKey is a value of dedupe_by that a task has started for, and until when that counts.
type EventKey struct {
	Key     []byte
	EventID EventID
	Until   time.Time
}

// EventDecision is what becomes of the events of one [EventTask].
type EventDecision struct {
	NamespaceID NamespaceID
	TaskID      TaskID
	Occurrences []Occurrence
	// Held is the event that the task waits with from now on; nil for none.
	Held *HeldEvent
	Keys []EventKey
	// CancelRunning asks for the task's live runs to be canceled before the new one starts.
	CancelRunning bool
	// Finished reports whether no event can start the task any more.
	Finished bool
}

// DispatchResult is what one dispatch did.
type DispatchResult struct {
	// Events counts the events that were passed on, Runs the runs that they and held events started.
	Events, Runs int
	// Lag is how long the oldest of them had waited.
	Lag time.Duration
	// Next is how long until the earliest held event is due, as in [TickResult]; 0 when there may be
	// more to pass on.
	Next time.Duration
}
