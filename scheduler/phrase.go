package scheduler

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/ordinaut/ordinaut"
)

const (
	// maxPhraseLength bounds a phrase before anything reads it, in bytes.
	maxPhraseLength = 200
	// maxMeanings is how many meanings of an unclear phrase are offered.
	maxMeanings = 4
)

// Phrase is what a phrase was understood to say: one meaning, or a question and the two to four
// meanings among which its answer chooses.
type Phrase struct {
	Question string
	Meanings []Meaning
}

// Meaning is a schedule that a phrase may stand for.
type Meaning struct {
	// Schedule is normalised, as [Parse] gives it.
	Schedule ordinaut.Schedule
	// Words are those of the schedule's plan.
	Words string
	// Assumptions say what the phrase left open and how it was filled in.
	Assumptions []string
	// ZoneLeftOut reports whether neither the phrase nor the caller named a timezone.
	ZoneLeftOut bool
}

// PhraseSetting is what a phrase depends on besides its words.
type PhraseSetting struct {
	// Now is the time at which it is read.
	Now time.Time
	// Timezone is an IANA name, or empty when the caller left it out. The phrase may name one itself.
	Timezone string
	// Calendars are the names of the calendars that a phrase may except.
	Calendars []string
}

// ReadPhrase reads a common English phrase such as "every weekday at 8:30". It knows a fixed set of
// forms, of which docs/phrases.md has the table, and guesses nothing silently: what the phrase leaves
// open is an assumption of the meaning, or a question. It returns an invalid_argument [ordinaut.Error]
// with the nearest forms for a phrase that is not one of them.
func ReadPhrase(text string, in PhraseSetting) (Phrase, error) {
	in.Now = in.Now.UTC()
	p, err := newPhraseParser(text, in)
	if err != nil {
		return Phrase{}, err
	}
	if err := p.parse(); err != nil {
		return Phrase{}, err
	}
	choices, err := p.choices()
	if err != nil {
		return Phrase{}, err
	}
	return p.decide(choices)
}

// choice is one thing that a phrase leaves open. Each way settles it differently.
type choice struct {
	question string
	ways     []func(*intent)
}

// decide makes a meaning of each combination of ways. One that can no longer happen, such as a time of
// today that has passed, is left out.
func (p *phraseParser) decide(choices []choice) (Phrase, error) {
	var phrase Phrase
	var refused error
	for _, ways := range combinations(choices) {
		i := p.intent.clone()
		for _, way := range ways {
			way(&i)
		}
		meaning, err := p.meaning(&i)
		if err != nil {
			refused = err
			continue
		}
		known := func(m Meaning) bool { return m.Words == meaning.Words && m.Schedule.SameTimes(meaning.Schedule) }
		if !slices.ContainsFunc(phrase.Meanings, known) {
			phrase.Meanings = append(phrase.Meanings, meaning)
		}
	}
	switch {
	case len(phrase.Meanings) == 0:
		return Phrase{}, refused
	case len(phrase.Meanings) == 1 && len(choices) > 0:
		m := &phrase.Meanings[0]
		m.Assumptions = append(m.Assumptions, "no other reading of it is possible")
	case len(phrase.Meanings) > 1:
		phrase.Question = questionOf(choices)
	}
	return phrase, nil
}

func questionOf(choices []choice) string {
	var questions []string
	for _, c := range choices {
		questions = append(questions, c.question)
	}
	return strings.Join(questions, " ")
}

// combinations returns every way to settle the choices, at most maxMeanings. When there are more, the
// later choices are settled their first way.
func combinations(choices []choice) [][]func(*intent) {
	all := [][]func(*intent){nil}
	for _, c := range choices {
		ways := c.ways
		if len(all)*len(ways) > maxMeanings {
			ways = ways[:max(1, maxMeanings/len(all))]
		}
		var longer [][]func(*intent)
		for _, before := range all {
			for _, way := range ways {
				longer = append(longer, append(slices.Clone(before), way))
			}
		}
		all = longer
	}
	return all
}

// meaning turns a settled intent into a schedule that [Parse] accepts.
func (p *phraseParser) meaning(i *intent) (Meaning, error) {
	schedule, err := p.schedule(i)
	if err != nil {
		return Meaning{}, err
	}
	plan, normalised, err := Parse(schedule, p.setting.Now)
	if err != nil {
		return Meaning{}, phrasePointer("/phrase", err)
	}
	if first, ok := plan.First(p.setting.Now); ok && normalised.Kind == ordinaut.ScheduleOnce && first.Before(p.setting.Now) {
		return Meaning{}, p.refuse("%s has passed; it is now %s",
			first.In(plan.zone).Format(phraseStamp), p.setting.Now.In(plan.zone).Format(phraseStamp))
	}
	if schedule.Kind == ordinaut.ScheduleRRule && i.count > 1 {
		i.note("it is counted from " + i.anchor.Format("Monday 2 January 2006"))
	}
	return Meaning{Schedule: normalised, Words: plan.Words(), Assumptions: i.notes, ZoneLeftOut: i.zone == ""}, nil
}

const phraseStamp = "2006-01-02 15:04 MST"

// phrasePointer moves an error about a schedule to the argument that led to it.
func phrasePointer(pointer string, err error) error {
	var public *ordinaut.Error
	if !errors.As(err, &public) {
		return err
	}
	moved := *public
	moved.Pointer = pointer
	return &moved
}
