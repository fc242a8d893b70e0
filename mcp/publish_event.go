package mcp

import (
	"context"
	"encoding/json"

	"github.com/ordinaut/ordinaut"
)

// maxPublished is the most bytes of a payload that publish_event takes. What is larger belongs where the
// payload can point to.
const maxPublished = 64 << 10

// publishEventArgs is the input of publish_event.
type publishEventArgs struct {
	Topic          string          `json:"topic"`
	Payload        json.RawMessage `json:"payload,omitempty"`
	IdempotencyKey string          `json:"idempotency_key,omitempty"`
}

// publishEventAnswer is the output of publish_event.
type publishEventAnswer struct {
	Event eventView `json:"event"`
	Next  string    `json:"next"`
}

// eventView is an event without its payload, which the caller has.
type eventView struct {
	ID    string `json:"id"`
	Topic string `json:"topic"`
	At    string `json:"at"`
}

func (a publishEventAnswer) text() string {
	return a.Event.ID + " " + a.Event.Topic + " was stored at " + a.Event.At + ".\n" + a.Next
}

func (s *Server) publishEvent(ctx context.Context, c *call, in publishEventArgs) (publishEventAnswer, error) {
	if err := ordinaut.CheckTopic(in.Topic); err != nil {
		return publishEventAnswer{}, err
	}
	if n := len(in.Payload); n > maxPublished {
		return publishEventAnswer{}, ordinaut.Invalid("/payload", "the payload has %d bytes, at most %d are allowed; publish where it can be found", n, maxPublished)
	}
	event, err := s.cfg.Store.PublishEvent(ctx, c.mutation(in.IdempotencyKey), ordinaut.Event{Topic: in.Topic, Payload: in.Payload})
	if err != nil {
		return publishEventAnswer{}, err
	}
	return publishEventAnswer{
		Event: eventView{ID: event.ID.String(), Topic: event.Topic, At: stamp(event.At)},
		Next:  "The tasks it matches start within a second: list_runs shows them, each run with this event_id.",
	}, nil
}
