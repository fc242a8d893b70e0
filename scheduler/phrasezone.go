package scheduler

import (
	"slices"
	"strings"
	"time"

	"github.com/ordinaut/ordinaut"
)

// findZone settles the zone of a phrase and takes its words away: an IANA name, UTC or GMT, with or
// without in and time around it. A place alone is refused with the names it may stand for.
func (p *phraseParser) findZone() error {
	zone, err := (*zones)(nil).load(zoneOr(p.setting.Timezone))
	if err != nil {
		return phrasePointer("/timezone", err)
	}
	p.zone, p.intent.zone = zone, p.setting.Timezone
	for n, word := range p.shown {
		named, err := p.phraseZone(n, word)
		if err != nil {
			return err
		}
		if named == nil {
			continue
		}
		given := p.intent.zone
		p.zone, p.intent.zone = named, named.String()
		if given != "" && given != named.String() {
			p.askZone(named.String(), given)
		}
		from, to := n, n+1
		if n > 0 && strings.EqualFold(p.shown[n-1], "in") {
			from--
		}
		if to < len(p.shown) && strings.EqualFold(p.shown[to], "time") {
			to++
		}
		p.shown = slices.Delete(p.shown, from, to)
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

// phraseZone returns the zone that the nth word names, nil when it names none.
func (p *phraseParser) phraseZone(n int, word string) (*time.Location, error) {
	upper := strings.ToUpper(word)
	if upper == "UTC" || upper == "GMT" {
		return (*zones)(nil).load("UTC")
	}
	if strings.Contains(word, "/") {
		if date := strings.Trim(word, "0123456789/"); date == "" {
			return nil, p.refuse("%s may be read in two ways; write a date as 2030-12-24", quote(word))
		}
		zone, err := (*zones)(nil).load(word)
		return zone, phrasePointer("/phrase", err)
	}
	if n == 0 || !strings.EqualFold(word, "time") {
		return nil, nil //nolint:nilnil // no zone is named and nothing is wrong
	}
	return nil, p.refusePlace(n)
}

// areas are where a place's zone is looked for.
func areas() []string {
	return []string{"Europe", "America", "Asia", "Africa", "Australia", "Pacific", "Atlantic", "America/Argentina"}
}

// refusePlace refuses a place that stands before the nth word, and names its zones.
func (p *phraseParser) refusePlace(n int) error {
	place := p.shown[n-1]
	var found []string
	for _, words := range []int{3, 2, 1} {
		if n < words || len(found) > 0 {
			continue
		}
		name := strings.Join(p.shown[n-words:n], " ")
		for _, area := range areas() {
			zone := capitalised(area + "/" + name)
			if _, err := (*zones)(nil).load(zone); err == nil {
				found, place = append(found, zone), name
			}
		}
	}
	if len(found) == 0 && !slices.Contains(p.shown[:n], "in") {
		return nil // it may mean something else
	}
	err := ordinaut.Invalid("/phrase", "%s is not a timezone; write an IANA name, such as %s", quote(place), "Europe/Berlin")
	if len(found) > 0 {
		err = ordinaut.Invalid("/phrase", "%s is not the name of a timezone; write %s", quote(place), strings.Join(found, " or "))
		err.Example = "in " + found[0] + " time"
	}
	return err
}
