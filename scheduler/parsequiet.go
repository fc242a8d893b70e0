package scheduler

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ordinaut/ordinaut"
)

const (
	maxQuietHours  = 20
	maxBlackouts   = 50
	maxBlackoutLen = 200 // of a note, in bytes
	// minBlackout and maxBlackout are the years in which blackouts may lie.
	minBlackout, maxBlackout = 1970, 2200
	// longestBlackout bounds how many nominal times one may swallow.
	longestBlackout = 366 * day
)

// ParseQuiet checks quiet hours that somebody wrote and returns them as they should be stored and shown:
// times as HH:MM, days in capitals, defaults left out; nil when they say nothing. zone is that of the
// schedule, "UTC" for an agent's. pointer is where they stand in the input, like /schedule/quiet; the
// error is an invalid_argument [ordinaut.Error] whose pointer leads on from there.
func ParseQuiet(pointer string, q *ordinaut.Quiet, zone string) (*ordinaut.Quiet, error) {
	if q == nil || len(q.Hours) == 0 && len(q.Blackouts) == 0 {
		return nil, nil //nolint:nilnil // no quiet is no fault
	}
	out := ordinaut.Quiet{Timezone: strings.TrimSpace(q.Timezone), Action: q.Action}
	if out.Action != "" && !slices.Contains(ordinaut.QuietActions(), out.Action) {
		return nil, invalid(pointer+"/action", string(ordinaut.QuietDefer), "action %s is unknown; allowed are %s", quote(string(out.Action)), choices(ordinaut.QuietActions()))
	}
	if out.Action == ordinaut.QuietDefer {
		out.Action = ""
	}
	if out.Timezone == zone {
		out.Timezone = ""
	}
	if out.Timezone != "" {
		var none *zones
		if _, err := none.load(out.Timezone); err != nil {
			return nil, invalid(pointer+"/timezone", "Europe/Berlin", "timezone %s is not known; use an IANA name, or leave it out for %s", quote(out.Timezone), zone)
		}
	}
	var err error
	if out.Hours, err = parseHours(pointer+"/hours", q.Hours); err != nil {
		return nil, err
	}
	out.Blackouts, err = parseBlackouts(pointer+"/blackouts", q.Blackouts)
	return &out, err
}

func parseHours(pointer string, all []ordinaut.QuietHours) ([]ordinaut.QuietHours, error) {
	if len(all) > maxQuietHours {
		return nil, invalid(pointer, "", "there are %d quiet hours; at most %d are allowed", len(all), maxQuietHours)
	}
	out := slices.Clone(all)
	var week []window
	for i := range out {
		at := pointer + "/" + strconv.Itoa(i)
		if err := parseHoursEntry(at, &out[i]); err != nil {
			return nil, err
		}
		week = append(week, quietWeek(out[i])...)
	}
	if held := joinWindows(week); len(held) == 1 && held[0].to.Sub(held[0].from) >= 14*day {
		return nil, invalid(pointer, `[{"from":"22:00","to":"07:00"}]`, "the quiet hours cover the whole week, so that nothing would ever start; pause the task instead")
	}
	return out, nil
}

func parseHoursEntry(pointer string, h *ordinaut.QuietHours) error {
	for _, f := range []struct {
		name string
		text *string
	}{{"from", &h.From}, {"to", &h.To}} {
		since, ok := timeOfDay(strings.TrimSpace(*f.text))
		if !ok || since == day && f.name == "from" {
			return invalid(pointer+"/"+f.name, "22:00", "%s is no time of day; write HH:MM from 00:00 to 23:59", quote(*f.text))
		}
		*f.text = clockWords(since % day)
	}
	days := make([]string, 0, len(h.Days))
	for i, d := range h.Days {
		name := strings.ToUpper(strings.TrimSpace(d))
		switch {
		case !isWeekday(name):
			return invalid(pointer+"/days/"+strconv.Itoa(i), "MON", "day %s is unknown; allowed are MON, TUE, WED, THU, FRI, SAT, SUN", quote(d))
		case slices.Contains(days, name):
			return invalid(pointer+"/days/"+strconv.Itoa(i), "", "day %s is named twice", name)
		}
		days = append(days, name)
	}
	if h.Days = days; len(days) == 0 || len(days) == 7 {
		h.Days = nil
	}
	return nil
}

// quietWeek returns when h holds in two weeks and a bit of no zone in particular, cut to the two weeks.
func quietWeek(h ordinaut.QuietHours) []window {
	monday := time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)
	c := newQuiet(&ordinaut.Quiet{Hours: []ordinaut.QuietHours{h}}, time.UTC)
	var all []window
	for n := -1; n < 14; n++ {
		if w, ok := c.hours[0].on(monday.AddDate(0, 0, n), time.UTC); ok {
			all = append(all, window{from: latestOf(w.from, monday), to: w.to})
		}
	}
	return all
}

func parseBlackouts(pointer string, all []ordinaut.Blackout) ([]ordinaut.Blackout, error) {
	if len(all) > maxBlackouts {
		return nil, invalid(pointer, "", "there are %d blackouts; at most %d are allowed", len(all), maxBlackouts)
	}
	out := slices.Clone(all)
	for i := range out {
		b, at := &out[i], pointer+"/"+strconv.Itoa(i)
		b.From, b.To = *micros(&b.From), *micros(&b.To)
		if !b.To.After(b.From) {
			return nil, invalid(at+"/to", b.From.Add(time.Hour).Format(time.RFC3339), "a blackout must end later than it begins (%s)", b.From.Format(time.RFC3339))
		}
		if b.From.Year() < minBlackout || b.To.Year() > maxBlackout || b.To.Sub(b.From) > longestBlackout {
			return nil, invalid(at, "", "a blackout from %s to %s is out of range; allowed is one of at most %d days in the years %d to %d: pause_task with until keeps a task still for longer",
				b.From.Format(time.RFC3339), b.To.Format(time.RFC3339), longestBlackout/day, minBlackout, maxBlackout)
		}
		if len(b.Note) > maxBlackoutLen {
			return nil, invalid(at+"/note", "", "the note is %d bytes long; at most %d are allowed", len(b.Note), maxBlackoutLen)
		}
	}
	return out, nil
}

// timeOfDay reads HH:MM, 24:00 included, as the time since midnight.
func timeOfDay(text string) (time.Duration, bool) {
	hours, minutes, ok := strings.Cut(text, ":")
	h, err1 := strconv.ParseUint(hours, 10, 8)
	m, err2 := strconv.ParseUint(minutes, 10, 8)
	if !ok || err1 != nil || err2 != nil || len(hours) > 2 || len(minutes) != 2 || m > 59 || h > 24 || h == 24 && m > 0 {
		return 0, false
	}
	return time.Duration(h)*time.Hour + time.Duration(m)*time.Minute, true
}

// clockWords writes a time since midnight as HH:MM.
func clockWords(since time.Duration) string {
	return time.Time{}.Add(since).Format("15:04")
}

func dayName(d time.Weekday) string { return strings.ToUpper(d.String()[:3]) }

func isWeekday(name string) bool {
	for d := time.Sunday; d <= time.Saturday; d++ {
		if name == dayName(d) {
			return true
		}
	}
	return false
}
