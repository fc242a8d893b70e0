package scheduler

import (
	"fmt"
	"strconv"
	"strings"
)

// dayTime is a time of day as it was written.
type dayTime struct {
	shown        string
	hour, minute int
	// plain says that nothing tells the half of the day: no am or pm, no leading zero, an hour of 1 to 12.
	plain bool
	// whole says that minutes were left out.
	whole bool
}

func (c dayTime) minutes() int   { return c.hour*60 + c.minute }
func (c dayTime) String() string { return fmt.Sprintf("%02d:%02d", c.hour, c.minute) }

// unclear reports whether it takes a question to know the half of the day.
func (c dayTime) unclear() bool { return c.plain && c.whole && c.hour <= 6 }

// inHalf returns the time in the first or the second half of the day.
func (c dayTime) inHalf(afternoon bool) dayTime {
	c.hour %= 12
	if afternoon {
		c.hour += 12
	}
	c.plain = false
	return c
}

// readClock reads a time that is one word: 9, 9am, 9:30, 09:30pm, 18:00, noon.
func readClock(word string) (dayTime, bool) {
	switch word {
	case "noon", "midday":
		return dayTime{shown: word, hour: 12}, true
	case "midnight":
		return dayTime{shown: word}, true
	}
	shown := word
	word = colonClock(word)
	digits, half := word, ""
	if n := len(word); n > 2 && (word[n-2:] == "am" || word[n-2:] == "pm") {
		digits, half = word[:n-2], word[n-2:]
	}
	hour, minute, timed := strings.Cut(digits, ":")
	c := dayTime{shown: shown, whole: !timed}
	var ok bool
	if c.hour, ok = clockNumber(hour, 1, 23); !ok {
		return c, false
	}
	if timed {
		if c.minute, ok = clockNumber(minute, 2, 59); !ok {
			return c, false
		}
	}
	c.plain = hour[0] != '0' && c.hour <= 12
	if half == "" {
		return c, true
	}
	return c.withHalf(half)
}

// colonClock writes 8.30 and 8h30 with a colon.
func colonClock(word string) string {
	hour, rest, found := strings.Cut(word, ".")
	if !found {
		hour, rest, found = strings.Cut(word, "h")
	}
	if _, ok := clockNumber(hour, 1, 23); !found || !ok || len(rest) < 2 {
		return word
	}
	if _, ok := clockNumber(rest[:2], 2, 59); !ok {
		return word
	}
	return hour + ":" + rest
}

func (c dayTime) withHalf(half string) (dayTime, bool) {
	if c.hour < 1 || c.hour > 12 {
		return c, false
	}
	c = c.inHalf(half == "pm")
	c.whole = false
	return c, true
}

func clockNumber(text string, least, top int) (int, bool) {
	if len(text) < least || len(text) > 2 || strings.Trim(text, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.Atoi(text)
	return n, err == nil && n <= top
}

// clock reads a time of day: one word, followed by am, pm, o'clock or a part of the day, or one that
// is counted from the hour ("half past 8").
func (p *phraseParser) clock() (dayTime, bool) {
	if c, ok := p.clockFromHour(); ok {
		return c, true
	}
	c, ok := readClock(p.peek(0))
	if !ok {
		return c, false
	}
	p.skip(1)
	p.take("o'clock")
	return p.half(c), true
}

// half applies what follows a time and tells its half of the day.
func (p *phraseParser) half(c dayTime) dayTime {
	if !c.plain {
		return c
	}
	at := p.at - 1
	for _, half := range []string{"am", "pm"} {
		if p.peek(0) == half {
			p.skip(1)
			c, _ = c.withHalf(half)
			c.shown += " " + half
			return c
		}
	}
	for _, part := range dayParts() {
		if p.take("in", "the", part) || part == "night" && p.take("at", part) {
			if !c.fits(part) {
				p.fail("%s is not in the %s", c.shown, part)
			}
			c.shown = strings.Join(p.words[at:p.at], " ")
			c = c.inPart(part)
			c.whole = false
			return c
		}
	}
	return c
}

// clockFromHour reads half past 8, quarter past 8, quarter to 9.
func (p *phraseParser) clockFromHour() (dayTime, bool) {
	at := p.at
	p.take("a")
	shift := 0
	switch {
	case p.take("half", "past"):
		shift = 30
	case p.take("quarter", "past"):
		shift = 15
	case p.take("quarter", "to"):
		shift = -15
	default:
		p.at = at
		return dayTime{}, false
	}
	c, ok := readClock(p.peek(0))
	if !ok || c.minute != 0 {
		p.at = at
		return dayTime{}, false
	}
	p.skip(1)
	c = p.half(c)
	total := (c.minutes() + shift + 24*60) % (24 * 60)
	if c.plain && c.hour == 1 && shift < 0 {
		total += 12 * 60 // a quarter to one is 12:45 on a plain clock
	}
	c.hour, c.minute = total/60, total%60
	c.shown = strings.Join(p.words[at:p.at], " ")
	return c, true
}

// clocks reads times of day joined by and or commas.
func (p *phraseParser) clocks() bool {
	c, ok := p.clock()
	for ok {
		p.intent.times = append(p.intent.times, c)
		at := p.at
		p.joint()
		if p.at == at {
			return true
		}
		p.take("at")
		if c, ok = p.clock(); !ok || p.startsCount() {
			if ok {
				ok = false
			}
			p.at = at
		}
	}
	return len(p.intent.times) > 0
}

// startsCount reports whether the word before was a number that counts what follows ("and 10 times").
func (p *phraseParser) startsCount() bool {
	_, _, isUnit := unitNamed(p.peek(0))
	return isUnit || p.peek(0) == "times"
}
