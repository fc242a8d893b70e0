package scheduler

import (
	"math"
	"time"
)

// widest is more than any offset from UTC and any change of one, in seconds.
const widest = 26 * 60 * 60

// stretch is a run of readings that one offset turns into instants, as RFC 5545 (3.3.5) reads them:
// those of a gap with the offset before it, those of an overlap with the offset of the first pass.
// Readings and instants are in Unix seconds.
type stretch struct {
	low, high int64 // readings in [low, high)
	offset    int64
	skipped   bool // the clocks skip these readings: their instants lie among those of the next stretch
}

func (s stretch) first() int64 { return s.low - s.offset }

// stretches walks the wall clock of a zone. What it yields tiles the readings; the first instants of
// stretches never fall.
type stretches struct {
	zone     *time.Location
	coming   period
	known    int64 // readings below it have been yielded
	previous int64 // the offset that was in force there
	waiting  stretch
	begun    bool
	ended    bool
}

// stretchesFrom begins early enough for every reading whose instant is not earlier than at, and for
// every reading that is not less than at.
func stretchesFrom(at int64, zone *time.Location) stretches {
	return stretches{zone: zone, coming: periodAt(time.Unix(at-widest, 0), zone)}
}

func (w *stretches) next() (stretch, bool) {
	if w.waiting.low < w.waiting.high {
		s := w.waiting
		w.waiting = stretch{}
		return s, true
	}
	for !w.ended {
		p, offset := w.coming, int64(w.coming.offset/time.Second)
		low, high := int64(math.MinInt64/2), int64(math.MaxInt64/2)
		if w.begun {
			low = p.start.Unix() + offset
		}
		if w.ended = p.end.IsZero(); !w.ended {
			high = p.end.Unix() + offset
			w.coming = periodAt(p.end, w.zone)
		}
		s := stretch{low: max(low, w.known), high: high, offset: offset}
		if !w.begun {
			s.low = low
		}
		gap := stretch{low: w.known, high: low, offset: w.previous, skipped: true}
		isGap := w.begun && low > w.known
		if !w.begun || high > w.known {
			w.known = high
		}
		w.begun, w.previous = true, offset
		if isGap {
			w.waiting = s
			return gap, true
		}
		if s.low < s.high {
			return s, true
		}
	}
	return stretch{}, false
}
