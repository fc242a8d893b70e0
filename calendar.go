package ordinaut

import "time"

// Calendar is a named set of times at which schedules that observe it are not due. It belongs to a
// namespace.
type Calendar struct {
	NamespaceID NamespaceID `json:"-" db:"namespace_id"`
	Name        string      `json:"name" db:"name"`
	// Version rises with each change, so that what is computed from a calendar can be kept.
	Version int `json:"version" db:"version"`
	// Entries are the excluded stretches, sorted by From.
	Entries   []CalendarEntry `json:"entries" db:"entries"`
	UpdatedAt time.Time       `json:"updated_at" db:"updated_at"`
}

// CalendarEntry is one excluded stretch, From included and To not: whole days of the observing schedule's
// zone, or a stretch of time.
type CalendarEntry struct {
	// From and To are dates (2026-12-25) or instants (RFC 3339), both of one kind. To may be left out of
	// dates, for a single day.
	From  string `json:"from"`
	To    string `json:"to,omitempty"`
	Title string `json:"title,omitempty"`
}
