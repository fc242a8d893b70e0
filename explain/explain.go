// Package explain answers "why did this (not) run?". From what is known of a task in a stretch of time it
// makes a verdict, one plain sentence, the evidence, and the call that would put it right. It is pure: the
// store reads, package mcp speaks.
package explain

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/ordinaut/ordinaut"
)

const (
	// around is how far from an instant a time may be and still be meant by it.
	around = 5 * time.Minute
	// briefRows and fullRows bound evidence and times in an explanation.
	briefRows = 12
	fullRows  = 60
)

// Question is what is asked about a history. At most one of At and RunID is set; with neither, the whole
// stretch of the history is meant.
type Question struct {
	At    *time.Time
	RunID ordinaut.RunID
	// Full asks for more evidence and times.
	Full bool
}

// Stretch returns the stretch of time to read in order to answer a question about an instant.
func Stretch(at time.Time) (since, until time.Time) { return at.Add(-around), at.Add(around) }

// Explanation is the answer to a [Question].
type Explanation struct {
	Verdict ordinaut.VerdictCode
	// Sentence says it for a person, in the local time of the schedule.
	Sentence string
	// Evidence is in the order of time.
	Evidence []Evidence
	// Fix is nil when nothing is wrong.
	Fix *Fix
	// MakeUp starts what did not run, where Fix only keeps that from happening again, or where nothing is
	// wrong and yet not all has run.
	MakeUp *Fix
	// Times are the nominal times of the stretch, oldest first, those that share a fate as one.
	Times []Time
	// Counts says how many of the stretch's nominal times got which verdict.
	Counts map[ordinaut.VerdictCode]int
	// Cut reports whether evidence or times were left out.
	Cut bool
}

// Evidence is one fact.
type Evidence struct {
	At   time.Time
	What string
	// ID names the run or the event that it is about, if any.
	ID string
}

// Time is a nominal time, or Count of them from NominalAt to LastAt, and what became of it.
type Time struct {
	NominalAt, LastAt time.Time
	Count             int
	Kind              ordinaut.RunKind
	Verdict           ordinaut.VerdictCode
	RunID             ordinaut.RunID
}

// Fix is a call of a tool.
type Fix struct {
	Tool      string
	Arguments map[string]any
	// Schedule is the argument schedule, if that is to be given.
	Schedule *ordinaut.Schedule
	// Why says what the call does about it.
	Why string
}

// Explain answers a question. A run that the history does not hold answers with not_found.
func Explain(h ordinaut.TaskHistory, q Question) (Explanation, error) {
	j := newJudge(h)
	var all []finding
	var chosen finding
	switch {
	case !q.RunID.IsZero():
		found := false
		if chosen, found = j.ofRun(q.RunID); !found {
			return Explanation{}, ordinaut.Errorf(ordinaut.CodeNotFound, "no run %s of %s", q.RunID, h.Task.ID)
		}
		all = []finding{chosen}
	case q.At != nil:
		chosen = j.at(*q.At)
		all = []finding{chosen}
	default:
		all = j.findings()
		chosen = j.mostRecentProblem(all)
	}
	return j.explanation(chosen, all, q), nil
}

func (j *judge) explanation(chosen finding, all []finding, q Question) Explanation {
	rows := briefRows
	if q.Full {
		rows = fullRows
	}
	rule := j.rule(chosen.code)
	e := Explanation{
		Verdict: chosen.code, Sentence: rule.sentence(j, chosen), Evidence: j.evidence(chosen, q),
		Counts: map[ordinaut.VerdictCode]int{}, Cut: j.cut,
	}
	if rule.fix != nil && !chosen.fulfilled() && !j.madeGood(chosen) {
		e.Fix = rule.fix(j, chosen)
	}
	if rule.makeUp != nil && (chosen.row != nil || chosen.run != nil) && !j.madeGood(chosen) && (e.Fix == nil || e.Fix.Tool == "update_task" || e.Fix.Tool == "resume_task") {
		e.MakeUp = rule.makeUp(j, chosen)
	}
	for _, f := range all {
		if f.count == 0 {
			continue // no time, but the want of one
		}
		e.Counts[f.code] += f.count
		e.Times = append(e.Times, f.time())
	}
	if n := len(e.Times); n > rows {
		e.Times, e.Cut = e.Times[n-rows:], true
	}
	if n := len(e.Evidence); n > rows {
		e.Evidence, e.Cut = e.Evidence[n-rows:], true
	}
	return e
}

// mostRecentProblem returns the latest finding that a person may want to put right; else the latest that
// has come to pass; else what comes first; else that there is nothing.
func (j *judge) mostRecentProblem(all []finding) finding {
	var latest, next *finding
	for i := range slices.Backward(all) {
		f := &all[i]
		if f.first.After(j.Now) {
			next = f
			continue
		}
		if j.rule(f.code).problem && !f.fulfilled() {
			return *f
		}
		if latest == nil {
			latest = f
		}
	}
	switch {
	case latest != nil:
		return *latest
	case next != nil:
		return *next
	default:
		return j.nothing()
	}
}

// Row is what documentation says of a verdict.
type Row struct {
	Code         ordinaut.VerdictCode
	Meaning, Fix string
	// MakesUp reports whether several times with this verdict get a second call, which makes up for them.
	MakesUp bool
}

// Table returns a row for each verdict, in the order of [ordinaut.VerdictCodes].
func Table() []Row {
	table := rules()
	rows := make([]Row, 0, len(table))
	for _, code := range ordinaut.VerdictCodes() {
		if r, known := table[code]; known {
			rows = append(rows, Row{Code: code, Meaning: r.means, Fix: r.remedy, MakesUp: r.makeUp != nil})
			delete(table, code)
		}
	}
	for _, code := range slices.Sorted(maps.Keys(table)) { // a test finds it in the wrong place
		rows = append(rows, Row{Code: code, Meaning: fmt.Sprintf("%s is not in the list", code)})
	}
	return rows
}
