package scheduler

import (
	"slices"
	"sort"
	"time"
)

// window is a stretch of time, from included and to not.
type window struct{ from, to time.Time }

// windows are sorted and do not touch.
type windows []window

// joinWindows sorts windows and makes one of those that touch. It keeps none that is empty.
func joinWindows(all []window) windows {
	slices.SortFunc(all, func(a, b window) int { return a.from.Compare(b.from) })
	var joined windows
	for _, w := range all {
		switch last := len(joined) - 1; {
		case !w.to.After(w.from):
		case last >= 0 && !w.from.After(joined[last].to):
			joined[last].to = latestOf(joined[last].to, w.to)
		default:
			joined = append(joined, w)
		}
	}
	return joined
}

// find returns the window that holds at.
func (ws windows) find(at time.Time) (window, bool) {
	i := ws.after(at)
	if i == len(ws) || ws[i].from.After(at) {
		return window{}, false
	}
	return ws[i], true
}

// edge returns the first instant later than at at which a window begins or ends.
func (ws windows) edge(at time.Time) (time.Time, bool) {
	switch i := ws.after(at); {
	case i == len(ws):
		return time.Time{}, false
	case ws[i].from.After(at):
		return ws[i].from, true
	default:
		return ws[i].to, true
	}
}

// after returns the index of the first window that ends later than at.
func (ws windows) after(at time.Time) int {
	return sort.Search(len(ws), func(i int) bool { return ws[i].to.After(at) })
}

// latestOf returns the later of two times.
func latestOf(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// soonest keeps the earliest of the times that it is told of.
type soonest struct {
	at time.Time
	ok bool
}

func (s *soonest) add(at time.Time, ok bool) {
	if ok && (!s.ok || at.Before(s.at)) {
		s.at, s.ok = at, true
	}
}
