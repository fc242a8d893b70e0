package executor

import (
	"context"
	"encoding/json"

	"github.com/ordinaut/ordinaut"
)

const eventPublish = "event.publish"

// publish makes an event that is stored in the transaction that records the step: both or neither.
func publish(_ context.Context, c *call) (result, error) {
	event := ordinaut.Event{
		NamespaceID: c.att.NamespaceID, ID: ordinaut.NewEventID(), Source: ordinaut.EventFromRun, RunID: c.att.RunID, At: c.att.now(),
	}
	event.Topic, _ = c.input["topic"].(string)
	if err := ordinaut.CheckTopic(event.Topic); err != nil {
		return result{}, failf(ordinaut.ReasonInputInvalid, "%s", messageOf(err))
	}
	if payload, ok := c.input["payload"]; ok {
		var err error
		if event.Payload, err = json.Marshal(payload); err != nil {
			return result{}, err
		}
	}
	if n := len(event.Payload); n > ordinaut.MaxPayloadBytes {
		return result{}, failf(ordinaut.ReasonInputInvalid, "the payload has %d bytes, at most %d are allowed", n, ordinaut.MaxPayloadBytes)
	}
	out, err := json.Marshal(map[string]any{"event_id": event.ID})
	return result{output: out, events: []ordinaut.Event{event}}, err
}
