package scheduler

import (
	"slices"
	"strings"
	"time"

	"github.com/ordinaut/ordinaut"
)

// phraseParser reads a phrase clause by clause, whatever their order.
type phraseParser struct {
	setting PhraseSetting
	zone    *time.Location
	now     time.Time // a reading
	shown   []string  // the words as written
	words   []string  // in lower case
	at      int
	intent  intent
	open    []choice
	err     error // a clause that was read and cannot be
	// excepting says that what is read is excepted, where "or" is as good as "and".
	excepting bool
}

func newPhraseParser(text string, in PhraseSetting) (*phraseParser, error) {
	if len(text) > maxPhraseLength {
		return nil, ordinaut.Invalid("/phrase", "the phrase is %d bytes long; at most %d are allowed", len(text), maxPhraseLength)
	}
	p := &phraseParser{setting: in, shown: splitPhrase(text), intent: intent{minute: -1}}
	if _, err := compileCron(text, time.UTC); err == nil {
		return nil, p.refuse("this is a cron expression: give it as the expr of a schedule of kind cron")
	}
	if err := p.findZone(); err != nil {
		return nil, err
	}
	for _, word := range p.shown {
		p.words = append(p.words, strings.ToLower(word))
	}
	p.now = periodAt(in.Now, p.zone).reading(in.Now).Truncate(time.Second)
	return p, nil
}

func (p *phraseParser) today() time.Time { return p.now.Truncate(day) }

// peek returns the nth word ahead, or "".
func (p *phraseParser) peek(n int) string {
	if p.at+n < len(p.words) {
		return p.words[p.at+n]
	}
	return ""
}

func (p *phraseParser) skip(n int) { p.at += n }

// take passes over words if they are what comes next.
func (p *phraseParser) take(words ...string) bool {
	for n, word := range words {
		if p.peek(n) != word {
			return false
		}
	}
	p.at += len(words)
	return true
}

func (p *phraseParser) takeAny(words ...string) bool {
	return slices.ContainsFunc(words, func(word string) bool { return p.take(word) })
}

// joint passes over what joins the items of a list.
func (p *phraseParser) joint() {
	for p.takeAny(",", "and") || p.peek(0) == "or" {
		if p.take("or") && !p.excepting {
			p.fail("“or” leaves open which of them; name one, or write “and” for both")
		}
	}
}

// try undoes a clause that turns out to be none.
func (p *phraseParser) try(clause func() bool) bool {
	at := p.at
	if clause() {
		return true
	}
	p.at = at
	return false
}

// parse reads all clauses.
func (p *phraseParser) parse() error {
	if len(p.words) == 0 {
		return p.notUnderstood("the phrase is empty")
	}
	clauses := []func() bool{
		p.rhythm, p.adverb, p.relative, p.dateClause, p.exceptions, p.limits, p.windowClause, p.monthDays, p.weekdayClause, p.timeClause, p.monthClause, p.partClause,
	}
	var groups timeGroups
	for p.at < len(p.words) {
		if p.takeAny("on", "the", ",", "and", "please", "also") {
			continue
		}
		if !slices.ContainsFunc(clauses, p.try) {
			if p.err != nil {
				return p.err
			}
			if advice := p.advice(); advice != "" {
				return p.refuse("%s %s", quote(p.shown[p.at]), advice)
			}
			return p.notUnderstood("%s was not understood", quote(p.shown[p.at]))
		}
		if p.err == nil && groups.clash(p.intent.times) {
			p.fail("times of day that are not the same for all the days take a task each")
		}
		if p.err != nil {
			return p.err
		}
	}
	p.settleEnd()
	return nil
}

// fail notes that a clause was understood and says something that cannot be.
func (p *phraseParser) fail(format string, args ...any) bool {
	p.err = p.refuse(format, args...)
	return true
}

// setRhythm notes how often. A rhythm of days goes with one of the clock; two others contradict.
func (p *phraseParser) setRhythm(count int, u unit) bool {
	i := &p.intent
	i.recurs = true
	switch {
	case count < 1 || count > 10_000:
		return p.fail("a count of %d is out of range; allowed is 1 to 10000", count)
	case i.unit == unitNone, i.unit == unitDay && i.count == 1 && (u < unitDay || !i.hasDays()):
		i.count, i.unit = count, u
	case u == unitDay && count == 1, i.unit == u && i.count == count:
	default:
		return p.fail("the phrase says twice how often")
	}
	return true
}

// rhythm reads every 15 minutes, every other Monday, every weekday, every second Tuesday.
func (p *phraseParser) rhythm() bool {
	if !p.takeAny("every", "each") {
		if !p.takeAny("once", "one") || !p.takeAny("a", "per", "every", "each") {
			return false
		}
	}
	p.intent.recurs = true
	p.take("single")
	if p.take("other") {
		return p.counted(2)
	}
	if n, ok := ordinalNamed(p.peek(0)); ok && n != 1 && p.peek(1) != "" {
		if done, ok := p.everyNth(n); ok {
			return done
		}
	}
	if n, ok := numberNamed(p.peek(0)); ok {
		p.skip(1)
		return p.counted(n)
	}
	if p.take("half", "hour") {
		return p.setRhythm(30, unitMinute)
	}
	return p.counted(1)
}

// counted reads what a rhythm counts: a unit, a part of the day or weekdays.
func (p *phraseParser) counted(n int) bool {
	if u, times, ok := unitNamed(p.peek(0)); ok {
		quarter := strings.HasPrefix(p.peek(0), "quarter")
		p.skip(1)
		if quarter && n == 1 {
			return p.quarterly()
		}
		return p.setRhythm(n*times, u)
	}
	for _, part := range dayParts() {
		if p.take(part) {
			return p.setPart(part) && p.setRhythm(n, unitDay)
		}
	}
	if days, _, ok := p.weekdayList(); ok {
		p.intent.weekdays |= days
		if n > 1 && days&workingDays == workingDays {
			return p.failNthWorkday()
		}
		if n > 1 {
			return p.setRhythm(n, unitWeek)
		}
		return true
	}
	if n == 1 {
		p.take("the")
		return p.try(p.dateClause) || p.monthDays()
	}
	return false
}

// everyNth reads every second day, and asks whether every second Tuesday is one of two Tuesdays or one
// of the month.
func (p *phraseParser) everyNth(n int) (done, ok bool) {
	word := p.shown[p.at]
	if u, times, isUnit := unitNamed(p.peek(1)); isUnit && n > 1 {
		p.skip(2)
		return p.setRhythm(n*times, u), true
	}
	at := p.at
	p.skip(1)
	days, _, found := p.weekdayList()
	if !found || n < 2 || n > 5 || p.peek(0) == "of" || p.peek(0) == "in" {
		p.at = at
		return false, false
	}
	if days&workingDays == workingDays {
		return p.failNthWorkday(), true
	}
	names := strings.Join(p.shown[at+1:p.at], " ")
	p.open = append(p.open, choice{
		question: "Does “every " + quoteWord(word) + " " + quoteWord(names) + "” mean one in " + plural(n, "week") + ", or the " + ordinal(n) + " of each month?",
		ways: []func(*intent){
			func(i *intent) { i.weekdays |= days; i.count, i.unit = n, unitWeek },
			func(i *intent) { i.nths = append(i.nths, nthDays{n, days}); i.count, i.unit = 1, unitMonth },
		},
	})
	return true, true
}

// adverb reads daily, weekly and their like.
func (p *phraseParser) adverb() bool {
	switch {
	case p.take("hourly"):
		return p.setRhythm(1, unitHour)
	case p.take("daily"):
		return p.setRhythm(1, unitDay)
	case p.take("nightly"):
		return p.setPart("night") && p.setRhythm(1, unitDay)
	case p.take("weekly"):
		return p.setRhythm(1, unitWeek)
	case p.take("fortnightly"):
		return p.setRhythm(2, unitWeek)
	case p.take("monthly"):
		return p.setRhythm(1, unitMonth)
	case p.take("quarterly"):
		return p.quarterly()
	case p.takeAny("yearly", "annually"):
		return p.setRhythm(1, unitYear)
	case p.take("once"):
		p.intent.once = !slices.Contains([]string{"daily", "weekly", "monthly", "yearly", "annually"}, p.peek(0))
		return true
	default:
		return false
	}
}

func (p *phraseParser) quarterly() bool {
	p.intent.months |= quarterStarts
	p.intent.ofQuarter = true
	p.intent.note("a quarter was read as beginning in January, April, July and October")
	return p.setRhythm(1, unitMonth)
}
