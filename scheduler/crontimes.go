package scheduler

import (
	"math/bits"
	"time"
)

// cronTimes tells which times of day an expression matches, as sets of bits.
type cronTimes struct {
	second, minute, hour uint64
	last                 time.Duration // the latest of them, since midnight
}

func newCronTimes(fields [len(cronFields)]fieldValue) cronTimes {
	t := cronTimes{
		second: fields[fieldSecond].bits(),
		minute: fields[fieldMinute].bits(),
		hour:   fields[fieldHour].bits(),
	}
	t.last = time.Duration(bits.Len64(t.hour)-1)*time.Hour +
		time.Duration(bits.Len64(t.minute)-1)*time.Minute +
		time.Duration(bits.Len64(t.second)-1)*time.Second
	return t
}

// perDay returns how many times of day match.
func (t *cronTimes) perDay() int {
	return bits.OnesCount64(t.hour) * bits.OnesCount64(t.minute) * bits.OnesCount64(t.second)
}

// before returns how many matching times of day are earlier than since, a whole number of seconds
// after midnight.
func (t *cronTimes) before(since time.Duration) int {
	h, m, s := int(since/time.Hour), int(since/time.Minute)%60, int(since/time.Second)%60
	total := below(t.hour, h) * bits.OnesCount64(t.minute) * bits.OnesCount64(t.second)
	if t.hour>>h&1 == 0 {
		return total
	}
	total += below(t.minute, m) * bits.OnesCount64(t.second)
	if t.minute>>m&1 == 0 {
		return total
	}
	return total + below(t.second, s)
}

// below counts the members of set that are smaller than n.
func below(set uint64, n int) int { return bits.OnesCount64(set & (1<<n - 1)) }
