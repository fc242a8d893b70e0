package explain

import (
	"fmt"
	"time"

	"github.com/ordinaut/ordinaut"
)

// came tells how a time that was moved ended: after what moved it to when.
func (j *judge) came(f finding, moved string) string {
	s := j.subject(f)
	switch due, known := j.movedTo(f); {
	case f.row != nil && f.row.Fate == ordinaut.FateCoalesced:
		s += " and " + moved
		if known {
			s += " to " + j.moment(due)
		}
		s += ", when one run was made for all that was due by then"
	case f.run != nil && f.run.State == ordinaut.RunSucceeded:
		s += " and " + moved
		if known {
			s += " to " + j.moment(due)
		}
		s += ", when it ran and succeeded after " + j.took(f.run)
	case f.row == nil && known:
		s += " and is " + moved + " to " + j.moment(due)
	default:
		s += " and " + moved
	}
	return s
}

// movedTo returns when the time of a finding was or is due, if that is another time.
func (j *judge) movedTo(f finding) (time.Time, bool) {
	if f.run != nil {
		return f.run.DueAt, f.run.DueAt.After(f.first)
	}
	if t := &j.Task; t.SnoozedAt != nil && t.SnoozedUntil != nil && f.first.Equal(*t.SnoozedAt) {
		return *t.SnoozedUntil, true
	}
	policy, known := j.policy(f.last)
	return policy.Due, known && policy.Due.After(f.last)
}

func gapSentence(j *judge, f finding) string {
	s := j.subject(f) + ", when the clocks had just gone forward: the local time it is written for did not exist that day"
	if f.run == nil {
		return s + ", so it runs at the first moment after."
	}
	return ending(s + ", so it ran at the first moment after, and succeeded after " + j.took(f.run))
}

func snoozedSentence(j *judge, f finding) string {
	s := j.came(f, "snoozed")
	if by := j.lastChange("snooze_task", j.Now); by != nil {
		s += ", by " + by.Actor
	}
	return ending(s)
}

func excludedSentence(j *judge, f finding) string {
	s := j.subject(f) + " but was skipped"
	if f.first.After(j.Now) {
		s = j.subject(f) + " but will be skipped"
	}
	return ending(s + ", because " + j.exclusion(f))
}

func shiftedSentence(j *judge, f finding) string {
	return ending(j.came(f, "moved") + ", because " + j.exclusion(f))
}

// exclusion names the calendar that excludes the time of a finding, and its entry if that has a title.
func (j *judge) exclusion(f finding) string {
	policy, known := j.policy(f.last)
	if !known || policy.Calendar == "" {
		return "a calendar excluded it"
	}
	s := "the calendar " + policy.Calendar + " excludes it"
	if entry := j.entry(policy.Calendar, f.last); entry != nil && entry.Title != "" {
		s += " (" + entry.Title + ")"
	}
	return s
}

func quietSentence(j *judge, f finding) string {
	if f.row != nil && f.row.Fate == ordinaut.FateSkipped {
		return j.subject(f) + " but was skipped, because that is in quiet hours."
	}
	if _, moved := j.movedTo(f); !moved && f.row == nil {
		return j.subject(f) + " but will be skipped, because that is in quiet hours."
	}
	return ending(j.came(f, "put off") + ", because that is in quiet hours")
}

func bufferedSentence(j *judge, f finding) string {
	s := j.subject(f)
	before := "the run before it"
	if r := j.blocking(f); r != nil {
		before = j.about(r)
	}
	if f.run != nil && f.run.State == ordinaut.RunSucceeded {
		return ending(fmt.Sprintf("%s, waited for %s to end, and ran: it succeeded after %s", s, before, j.took(f.run)))
	}
	return ending(fmt.Sprintf("%s, and its run waits for %s to end", s, before))
}

func bufferFullSentence(j *judge, f finding) string {
	return ending(fmt.Sprintf("%s but was skipped, because as many runs as overlap %s allows were waiting for the live one already", j.subject(f), j.Task.Spec.Schedule.Overlap))
}

func catchUpLimitSentence(j *judge, f finding) string {
	most := j.Task.Spec.Schedule.MaxCatchUp
	if most == 0 {
		most = defaultCatchUp
	}
	return ending(fmt.Sprintf("%s but was passed over: more were due at once than max_catch_up, which is %d", j.subject(f), most))
}

// notStarted returns the sentence on an event that started nothing, because of what.
func notStarted(because string) func(*judge, finding) string {
	return func(j *judge, f finding) string {
		return j.subject(f) + " but started nothing, because " + because + "."
	}
}
