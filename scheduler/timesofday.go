package scheduler

import (
	"math/bits"
	"time"
)

// timesOfDay is every combination of some hours, minutes and seconds, each a set of bits.
type timesOfDay struct {
	second, minute, hour uint64
	last                 time.Duration // the latest of them, since midnight
}

func newTimesOfDay(fields [len(cronFields)]fieldValue) timesOfDay {
	t := timesOfDay{
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
func (t *timesOfDay) perDay() int {
	return bits.OnesCount64(t.hour) * bits.OnesCount64(t.minute) * bits.OnesCount64(t.second)
}

// before returns how many matching times of day are earlier than since, a whole number of seconds
// after midnight.
func (t *timesOfDay) before(since time.Duration) int {
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

// next returns the first matching time of day that is not earlier than since. Both are seconds after
// midnight.
func (t *timesOfDay) next(since int) (int, bool) {
	h, m, s := since/3600, since/60%60, since%60
	if t.hour>>h&1 == 1 {
		if second, ok := atLeast(t.second, s); ok && t.minute>>m&1 == 1 {
			return h*3600 + m*60 + second, true
		}
		if minute, ok := atLeast(t.minute, m+1); ok {
			return h*3600 + minute*60 + bits.TrailingZeros64(t.second), true
		}
	}
	hour, ok := atLeast(t.hour, h+1)
	return hour*3600 + bits.TrailingZeros64(t.minute)*60 + bits.TrailingZeros64(t.second), ok
}

// nth returns the matching time of day before which k others match, in seconds after midnight; k is
// less than perDay.
func (t *timesOfDay) nth(k int) int {
	seconds := bits.OnesCount64(t.second)
	minutes := bits.OnesCount64(t.minute) * seconds
	return member(t.hour, k/minutes)*3600 + member(t.minute, k%minutes/seconds)*60 + member(t.second, k%seconds)
}

// atLeast returns the smallest member of set that is not smaller than n.
func atLeast(set uint64, n int) (int, bool) {
	rest := set >> n << n
	return bits.TrailingZeros64(rest), rest != 0
}

// member returns the member of set that has k smaller ones.
func member(set uint64, k int) int {
	for ; k > 0; k-- {
		set &= set - 1
	}
	return bits.TrailingZeros64(set)
}
