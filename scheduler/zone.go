package scheduler

import (
	"strings"
	"sync"
	"time"

	"github.com/ordinaut/ordinaut"
)

const maxZoneLength = 64

// zones remembers loaded locations: a load costs 12 µs and 9 KB. It is bounded by the number of
// zones that exist, since only names that load are kept. A nil *zones remembers nothing.
type zones struct{ known sync.Map }

// load returns the location of an IANA name. The system's data is preferred; the command links a
// copy of its own for machines without any.
func (z *zones) load(name string) (*time.Location, error) {
	if z != nil {
		if loc, ok := z.known.Load(name); ok {
			return loc.(*time.Location), nil
		}
	}
	if !isZoneName(name) {
		return nil, unknownZone(name)
	}
	loc, err := time.LoadLocation(name)
	if err != nil {
		return nil, unknownZone(name)
	}
	if z != nil {
		z.known.Store(name, loc)
	}
	return loc, nil
}

// isZoneName reports whether name has the shape of an IANA name. Names that mean something else to
// the system are not zones: Local and localtime differ between machines, right/ counts leap seconds.
func isZoneName(name string) bool {
	if name == "" || len(name) > maxZoneLength || name[0] < 'A' || name[0] > 'Z' {
		return false
	}
	for _, c := range []byte(name) {
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
		if !letter && !strings.ContainsRune("_+-/", rune(c)) {
			return false
		}
	}
	return name != "Local" && name != "Factory"
}

func unknownZone(name string) *ordinaut.Error {
	example := "Europe/Berlin"
	if near := capitalised(name); isZoneName(near) {
		if _, err := time.LoadLocation(near); err == nil {
			example = near
		}
	}
	return invalid("/schedule/timezone", example,
		"timezone %s is not known; use an IANA name such as %s, or UTC", quote(name), example)
}

// capitalised writes a name the way IANA does: europe/berlin is Europe/Berlin, utc is UTC.
func capitalised(name string) string {
	if len(name) > maxZoneLength {
		return ""
	}
	if !strings.Contains(name, "/") {
		return strings.ToUpper(name)
	}
	b := []byte(strings.ToLower(strings.ReplaceAll(name, " ", "_")))
	for i := range b {
		start := i == 0 || b[i-1] == '/' || b[i-1] == '_' || b[i-1] == '-'
		if start && 'a' <= b[i] && b[i] <= 'z' {
			b[i] -= 'a' - 'A'
		}
	}
	return string(b)
}
