package pipeline

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// instant reads a time out of a value.
func instant(v any) (time.Time, bool) {
	s, ok := v.(string)
	if !ok || len(s) < len("2006-01-02T15:04:05Z") || len(s) > 40 {
		return time.Time{}, false
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	return t, err == nil
}

// timeText returns t to the second as RFC 3339 in zone.
func timeText(t time.Time, zone *time.Location) (any, error) {
	t = t.In(zone)
	if t.Year() < 1 || t.Year() > 9999 {
		return nil, errors.New("gives a time outside the years 1 to 9999")
	}
	return t.Format(time.RFC3339), nil
}

func argTime(function string, v any) (time.Time, error) {
	t, ok := instant(v)
	if !ok {
		return t, fmt.Errorf("%s wants a time as RFC 3339 such as 2030-03-01T09:00:00Z, not %s", function, shown(v))
	}
	return t, nil
}

// toZone is to_zone(time, zone): the same instant as the clocks of zone show it.
func toZone(_ *evaluator, args []any) (any, error) {
	t, err := argTime("to_zone", args[0])
	if err != nil {
		return nil, err
	}
	zone, err := loadZone(args[1].(string))
	if err != nil {
		return nil, err
	}
	return timeText(t, zone)
}

// loadZone never touches the file system for what cannot be a zone's name: names are also paths.
func loadZone(name string) (*time.Location, error) {
	bad := fmt.Errorf("to_zone wants an IANA timezone such as Europe/Berlin, not %s", shown(name))
	if name == "" || name == "Local" || len(name) > 64 || strings.Contains(name, "..") || name[0] == '/' {
		return nil, bad
	}
	for i := range len(name) {
		if c := name[i]; !isLetter(c) && !isDigit(c) && !slices.Contains([]byte("/+-"), c) {
			return nil, bad
		}
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, bad
	}
	return zone, nil
}

const maxLayout = 1000 // bytes

// formatTime is format_time(time, layout) with a layout of strftime.
func formatTime(_ *evaluator, args []any) (any, error) {
	t, err := argTime("format_time", args[0])
	if err != nil {
		return nil, err
	}
	if layout := args[1].(string); len(layout) <= maxLayout {
		return strftime(t, layout)
	}
	return nil, fmt.Errorf("format_time wants a layout of at most %d bytes", maxLayout)
}

// strftime writes t by layout: %Y-%m-%d and so on, all in English.
func strftime(t time.Time, layout string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(layout); i++ {
		if layout[i] != '%' || i == len(layout)-1 {
			b.WriteByte(layout[i])
			continue
		}
		i++
		text, ok := directive(t, layout[i])
		if !ok {
			return "", fmt.Errorf("format_time does not know %%%s; known are %%Y %%y %%m %%d %%e %%j %%H %%I %%M %%S %%p %%A %%a %%B %%b %%u %%V %%G %%F %%T %%R %%z %%s %%%%", clip(layout[i:i+1], 1))
		}
		b.WriteString(text)
	}
	return b.String(), nil
}

func directive(t time.Time, c byte) (string, bool) {
	if layout := layoutOf(c); layout != "" {
		return t.Format(layout), true
	}
	year, week := t.ISOWeek()
	switch c {
	case 'u':
		return strconv.Itoa((int(t.Weekday())+6)%7 + 1), true
	case 'V':
		return fmt.Sprintf("%02d", week), true
	case 'G':
		return strconv.Itoa(year), true
	case 's':
		return strconv.FormatInt(t.Unix(), 10), true
	case '%':
		return "%", true
	}
	return "", false
}

// layoutOf leaves out %Z: a time that is text has an offset and no zone's name.
func layoutOf(c byte) string {
	i := strings.IndexByte("YymdejHIMSpAaBbFTRz", c)
	if i < 0 {
		return ""
	}
	return [...]string{
		"2006", "06", "01", "02", "_2", "002", "15", "03", "04", "05", "PM", "Monday", "Mon", "January", "Jan",
		"2006-01-02", "15:04:05", "15:04", "-0700",
	}[i]
}

// duration is duration(text), and what 24h stands for.
func duration(_ *evaluator, args []any) (any, error) { return parseDuration(args[0].(string)) }

// shown returns a value as it may stand in a message.
func shown(v any) string {
	if s, ok := v.(string); ok {
		return strconv.Quote(clip(s, 40))
	}
	return typeName(v)
}
