package executor

import (
	"encoding/json"
	"time"

	"github.com/ordinaut/ordinaut"
)

const waitSleep = "wait.sleep"

// wakeTime returns until when a step with this input sleeps, if it begins now.
func wakeTime(input map[string]any, now time.Time) (time.Time, error) {
	if until, ok := input["until"].(string); ok {
		at, err := time.Parse(time.RFC3339Nano, until)
		if err != nil {
			return time.Time{}, failf(ordinaut.ReasonInputInvalid, "until is no instant; want RFC 3339 with an offset, like 2030-03-01T09:00:00Z")
		}
		return at.UTC(), nil
	}
	seconds, _ := input["seconds"].(float64)
	return now.Add(time.Duration(seconds * float64(time.Second))), nil
}

func sleptUntil(at time.Time) json.RawMessage {
	out, _ := json.Marshal(map[string]any{"slept_until": at.UTC()}) //nolint:errchkjson // a time of this century
	return out
}
