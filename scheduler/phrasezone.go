package scheduler

import (
	"slices"
	"strings"
	"time"

	"github.com/ordinaut/ordinaut"
)

// placeLookups bounds the words at which a place is looked for.
const placeLookups = 6

// namedZone is a zone that a phrase names, and the words that do: from up to to.
type namedZone struct {
	zone     *time.Location
	from, to int
}

// findZone settles the zone of a phrase and takes its words away: an IANA name, UTC or GMT, with or
// without in and time around it, or a place that is the end of one IANA name alone: in Berlin.
func (p *phraseParser) findZone() error {
	zone, err := (*zones)(nil).load(zoneOr(p.setting.Timezone))
	if err != nil {
		return phrasePointer("/timezone", err)
	}
	p.zone, p.intent.zone = zone, p.setting.Timezone
	lookups := 0
	for n, word := range p.shown {
		named, err := p.zoneAt(n, word, &lookups)
		if err != nil {
			return err
		}
		if named.zone == nil {
			continue
		}
		given := p.intent.zone
		p.zone, p.intent.zone = named.zone, named.zone.String()
		if given != "" && given != named.zone.String() {
			p.askZone(named.zone.String(), given)
		}
		p.shown = slices.Delete(p.shown, named.from, named.to)
		return nil
	}
	return nil
}

func zoneOr(name string) string {
	if name == "" {
		return "UTC"
	}
	return name
}

// askZone asks when the phrase names another zone than the call.
func (p *phraseParser) askZone(named, given string) {
	p.open = append(p.open, choice{
		question: "The phrase says " + named + " and timezone says " + given + ": which one holds?",
		ways:     []func(*intent){func(i *intent) { i.zone = named }, func(i *intent) { i.zone = given }},
	})
}

// zoneAt returns the zone that is named at the nth word, its zone nil when none is.
func (p *phraseParser) zoneAt(n int, word string, lookups *int) (namedZone, error) {
	upper := strings.ToUpper(word)
	switch {
	case upper == "UTC" || upper == "GMT":
		zone, err := (*zones)(nil).load("UTC")
		return p.widened(namedZone{zone, n, n + 1}), err
	case strings.Contains(word, "/"):
		if date := strings.Trim(word, "0123456789/"); date == "" {
			return namedZone{}, p.refuse("%s may be read in two ways; write a date as 2030-12-24", quote(word))
		}
		zone, err := (*zones)(nil).load(word)
		return p.widened(namedZone{zone, n, n + 1}), phrasePointer("/phrase", err)
	case *lookups == placeLookups:
		return namedZone{}, nil
	case upper == "IN":
		*lookups++
		return p.placeAfter(n + 1)
	case upper == "TIME" && n > 0:
		*lookups++
		return p.placeBefore(n)
	default:
		return namedZone{}, nil
	}
}

// widened takes in and time around a zone with it.
func (p *phraseParser) widened(named namedZone) namedZone {
	if named.from > 0 && strings.EqualFold(p.shown[named.from-1], "in") {
		named.from--
	}
	if named.to < len(p.shown) && strings.EqualFold(p.shown[named.to], "time") {
		named.to++
	}
	return named
}

// placeAfter reads a place that begins at the nth word, which follows in. What is none may be anything
// else: in 20 minutes, in March.
func (p *phraseParser) placeAfter(n int) (namedZone, error) {
	for words := min(placeWords, len(p.shown)-n); words > 0; words-- {
		named, err := p.place(n, n+words)
		if err != nil || named.zone != nil {
			return named, err
		}
	}
	return namedZone{}, nil
}

// placeBefore reads a place that ends before the nth word, which is time.
func (p *phraseParser) placeBefore(n int) (namedZone, error) {
	for words := min(placeWords, n); words > 0; words-- {
		named, err := p.place(n-words, n)
		if err != nil || named.zone != nil {
			return named, err
		}
	}
	if !slices.Contains(p.shown[:n], "in") {
		return namedZone{}, nil // it may mean something else
	}
	return namedZone{}, ordinaut.Invalid("/phrase", "%s is not a timezone; write an IANA name, such as %s", quote(p.shown[n-1]), "Europe/Berlin")
}

// placeWords is how many words the name of a place may have.
const placeWords = 3

// areas are where a place's zone is looked for.
func areas() []string {
	return []string{"Europe", "America", "Asia", "Africa", "Australia", "Pacific", "Atlantic", "America/Argentina"}
}

// place returns the zone of the place that some words name, and notes how it was read. One that several
// zones are called after is refused with their names.
func (p *phraseParser) place(from, to int) (namedZone, error) {
	name := strings.Join(p.shown[from:to], " ")
	var found []*time.Location
	var names []string
	for _, area := range areas() {
		if zone, err := (*zones)(nil).load(capitalised(area + "/" + name)); err == nil {
			found, names = append(found, zone), append(names, zone.String())
		}
	}
	switch len(found) {
	case 0:
		return namedZone{}, nil
	case 1:
		p.intent.note(quoteWord(name) + " was read as the timezone " + names[0])
		return p.widened(namedZone{found[0], from, to}), nil
	default:
		err := ordinaut.Invalid("/phrase", "%s may be the timezone %s; write one of them", quote(name), strings.Join(names, " or "))
		err.Example = "in " + names[0] + " time"
		return namedZone{}, err
	}
}
