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
