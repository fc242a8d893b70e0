package scheduler

import (
	"strings"
	"time"
)

// icsTime is a date, or what the clock of a zone shows.
type icsTime struct {
	reading time.Time
	zone    *time.Location // nil for a date
}

func (t icsTime) isDate() bool { return t.zone == nil }

// instant returns when the clock shows the reading, by RFC 5545.
func (t icsTime) instant() time.Time {
	return resolve(t.reading, t.zone).shifted
}

// text is the time as an entry has it, which sorts as it reads.
func (t icsTime) text() string {
	if t.isDate() {
		return t.reading.Format(time.DateOnly)
	}
	return t.instant().UTC().Format(time.RFC3339)
}

// add moves the time by a length of its own clock.
func (t icsTime) add(length time.Duration) icsTime {
	return icsTime{reading: t.reading.Add(length), zone: t.zone}
}

// time reads the value of a line as one time.
func (x *icsExpansion) time(line icsLine, value string) (icsTime, error) {
	value = strings.ToUpper(strings.TrimSpace(value))
	at, ok := parseCalendarTime(value)
	if !ok || at.dateOnly && line.kind == "DATE-TIME" || !at.dateOnly && line.kind == "DATE" {
		return icsTime{}, badICS(line.number, line.name+";VALUE=DATE:20301225",
			"%s %s is not a time; want 20301225 (a day), 20301225T090000 (local) or 20301225T090000Z (UTC)", line.name, quote(value))
	}
	if year := at.reading.Year(); year < 1900 || year > 2200 {
		return icsTime{}, badICS(line.number, "", "%s %s is out of range; allowed are the years 1900 to 2200", line.name, quote(value))
	}
	switch {
	case at.dateOnly:
		return icsTime{reading: at.reading}, nil
	case at.utc:
		return icsTime{reading: at.reading, zone: time.UTC}, nil
	case line.tzid == "":
		x.floating = true
		return icsTime{reading: at.reading, zone: x.zone}, nil
	}
	zone, err := x.load(line)
	return icsTime{reading: at.reading, zone: zone}, err
}

// times reads the value of a line as a list.
func (x *icsExpansion) times(line icsLine) ([]icsTime, error) {
	var all []icsTime
	for value := range strings.SplitSeq(line.value, ",") {
		t, err := x.time(line, value)
		if err != nil {
			return nil, err
		}
		all = append(all, t)
	}
	return all, nil
}

// load returns the zone of a line's TZID: an IANA name, one behind a vendor's prefix, or one to which the
// calendar itself gives an IANA name.
func (x *icsExpansion) load(line icsLine) (*time.Location, error) {
	if zone := x.loaded[line.tzid]; zone != nil {
		return zone, nil
	}
	name := line.tzid
	if located := x.located[name]; located != "" {
		name = located
	}
	if parts := strings.Split(name, "/"); strings.HasPrefix(name, "/") && len(parts) > 2 {
		name = strings.Join(parts[len(parts)-2:], "/")
	}
	zone, err := (*zones)(nil).load(name)
	if err != nil {
		return nil, badICS(line.number, line.name+";TZID=Europe/Berlin:20301225T090000",
			"TZID %s is not an IANA zone; write one such as Europe/Berlin, or add X-LIC-LOCATION:Europe/Berlin to its VTIMEZONE", quote(line.tzid))
	}
	x.loaded[line.tzid] = zone
	return zone, nil
}

// icsLength reads a DURATION line.
func icsLength(line icsLine, value string) (time.Duration, error) {
	text := strings.TrimPrefix(strings.ToUpper(strings.TrimSpace(value)), "+")
	length, err := parseDuration(text)
	if err != nil || !strings.HasPrefix(text, "P") {
		return 0, badICS(line.number, "DURATION:PT1H", "%s %s is not a duration; want weeks, days or a time, such as P1D or PT1H30M", line.name, quote(value))
	}
	return length, nil
}
