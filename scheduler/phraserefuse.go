package scheduler

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ordinaut/ordinaut"
)

// phraseForms are the forms that a phrase may have, one example each.
func phraseForms() []string {
	return []string{
		"every weekday at 8:30", "every day at 9am", "daily at 18:00 and 20:00", "every Monday and Friday at 7:00",
		"weekends at 10:00", "second Tuesday of the month at 9:00", "last Friday of every month at 17:00",
		"last day of the month at noon", "first of the month at midnight", "on the 1st and 15th of the month at 9:30",
		"every 15 minutes", "every 90 minutes", "every 2 hours", "hourly at :20", "every other Monday at 9:00",
		"every 2 weeks on Tuesday at 9:00", "every 3 months on the 1st at 8:00", "quarterly at 8:00",
		"yearly on March 1 at 9:00", "tomorrow at 9:00", "next Monday at 10am", "in 20 minutes",
		"on 2030-12-24 at 18:00", "every weekday except holidays at 9:00", "every 30 minutes between 9 and 17 on weekdays",
		"every day at 9:00 until 2030-03-01", "every day at 9:00 for 10 times", "every day at 9:00 in Europe/Berlin time",
	}
}

// nearForms is how many forms an error names.
const nearForms = 3

// notUnderstood is the error for a phrase that has none of the forms. It names the nearest.
func (p *phraseParser) notUnderstood(format string, args ...any) error {
	near := p.nearest()
	for n := range near {
		near[n] = "“" + near[n] + "”"
	}
	err := p.refuse(format+"; the nearest forms are %s", append(args, join(near))...)
	return err
}

// refuse is the error for a phrase that was understood and cannot be.
func (p *phraseParser) refuse(format string, args ...any) error {
	err := ordinaut.Invalid("/phrase", "%s", fmt.Sprintf(format, args...))
	err.Example = p.nearest()[0]
	return err
}

// advice says what to write for a word that is often meant and has no one meaning; "" for any other.
func (p *phraseParser) advice() string {
	switch p.peek(0) {
	case "biweekly", "bimonthly", "biannually", "semiweekly", "semimonthly":
		return "may be twice in that time or once in two; write every 2 weeks on Monday at 9:00, or name the days"
	case "twice", "thrice", "times":
		return "does not say when; name the times, as in daily at 9:00 and 18:00"
	case "during":
		return "was not understood; write a part of the day as between 9 and 17"
	case "end":
		return "was not understood; write last day of the month at 18:00, or until 2030-03-31"
	default:
		return ""
	}
}

// nearest returns the forms that share the most words with the phrase.
func (p *phraseParser) nearest() []string {
	forms := phraseForms()
	score := func(form string) int {
		shared := 0
		for word := range strings.FieldsSeq(strings.ToLower(form)) {
			if slices.ContainsFunc(p.shown, func(shown string) bool { return strings.EqualFold(shown, word) }) {
				shared++
			}
		}
		return shared
	}
	slices.SortStableFunc(forms, func(a, b string) int { return score(b) - score(a) })
	return forms[:nearForms]
}

// quoteWord shows a word of the phrase within a sentence.
func quoteWord(word string) string { return strings.Trim(quote(word), `"`) }
