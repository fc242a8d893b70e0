package scheduler

import (
	"strings"
	"time"

	"github.com/ordinaut/ordinaut"
)

// QuietWords describes quiet hours in English, as far as they say something.
func QuietWords(q *ordinaut.Quiet) string {
	if q == nil || len(q.Hours) == 0 && len(q.Blackouts) == 0 {
		return "no quiet hours"
	}
	var parts []string
	for _, h := range q.Hours {
		words := "from " + h.From + " to " + h.To
		if len(h.Days) > 0 {
			words += " beginning on " + strings.Join(h.Days, ", ")
		}
		parts = append(parts, words)
	}
	zone := q.Timezone
	if zone == "" {
		zone = "the schedule's timezone"
	}
	if len(parts) > 0 {
		parts[len(parts)-1] += " (" + zone + ")"
	}
	for _, b := range q.Blackouts {
		parts = append(parts, "from "+b.From.UTC().Format(time.RFC3339)+" to "+b.To.UTC().Format(time.RFC3339))
	}
	action := "what is due meanwhile is deferred to their end"
	if q.Action == ordinaut.QuietDrop {
		action = "what is due meanwhile is skipped"
	}
	return "quiet " + strings.Join(parts, ", and ") + "; " + action
}
