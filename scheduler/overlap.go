package scheduler

import (
	"math"

	"github.com/ordinaut/ordinaut"
)

// maxBuffered is how many runs of a task wait for one another at most.
const maxBuffered = 100

// live is what a task has going, as a decision sees it start by start.
type live struct {
	overlap  ordinaut.Overlap
	busy     bool
	buffered int
	left     int // runs until max_runs
	// snoozed says that one of them belongs to a snoozed occurrence.
	snoozed bool
	cancels bool // what was live is to be canceled
}

func newLive(task *ordinaut.DueTask) live {
	l := live{overlap: task.Overlap, busy: task.Busy, buffered: task.Buffered, left: math.MaxInt, snoozed: task.SnoozedAt != nil}
	if task.MaxRuns > 0 {
		l.left = task.MaxRuns - task.RunsStarted
	}
	return l
}

// exhausted reports whether the schedule has started all its runs.
func (l *live) exhausted() bool { return l.left <= 0 }

// kept reports whether the last run is the snoozed occurrence's. What comes due meanwhile is looked at once
// that has met its fate: it may not start after all.
func (l *live) kept() bool { return l.snoozed && l.left == 1 }

// full reports whether nothing else can start now.
func (l *live) full() bool { return l.exhausted() || l.kept() }

// outcome is what becomes of an occurrence: its row, and for one that starts whether it waits. The zero
// outcome is that of an occurrence which the schedule no longer has.
type outcome struct {
	fate     ordinaut.Fate
	reason   ordinaut.Reason
	buffered bool
}

func (o outcome) started() bool { return o.fate == ordinaut.FateStarted }

// admit says what becomes of an occurrence that would start, and counts it as live if it does.
func (l *live) admit() outcome {
	if l.full() {
		return outcome{}
	}
	o := l.collide()
	if o.started() {
		l.left--
	}
	return o
}

func (l *live) collide() outcome {
	start := outcome{fate: ordinaut.FateStarted}
	if l.overlap == ordinaut.OverlapAllow {
		return start
	}
	if !l.busy {
		l.busy = true
		return start
	}
	wait := outcome{fate: ordinaut.FateStarted, reason: ordinaut.ReasonBuffered, buffered: true}
	room := maxBuffered
	switch l.overlap {
	case ordinaut.OverlapCancelRunning:
		l.cancels = true // those that wait are live too
		return wait
	case ordinaut.OverlapBufferOne:
		room = 1
	case ordinaut.OverlapBufferAll:
	default:
		return outcome{fate: ordinaut.FateSkipped, reason: ordinaut.ReasonOverlap}
	}
	if l.buffered >= room {
		return outcome{fate: ordinaut.FateSkipped, reason: ordinaut.ReasonBufferFull}
	}
	l.buffered++
	return wait
}
