package scheduler

import (
	"encoding/binary"
	"hash/fnv"
	"time"

	"github.com/ordinaut/ordinaut"
)

// delay returns the jitter of a task's occurrence at at, from 0 to less than most, in whole microseconds,
// which is what the store keeps. It is the same whenever and wherever it is asked for.
func delay(task ordinaut.TaskID, at time.Time, most time.Duration) time.Duration {
	most = most.Truncate(time.Microsecond)
	if most <= 0 {
		return 0
	}
	hash := fnv.New64a()
	_, _ = hash.Write(task[:])
	_, _ = hash.Write(binary.BigEndian.AppendUint64(nil, uint64(at.UnixMicro())))
	// FNV's low bits vary little between neighbours; fold the high ones in.
	sum := hash.Sum64()
	sum ^= sum >> 33
	sum *= 0xff51afd7ed558ccd
	sum ^= sum >> 33
	return time.Duration(sum%uint64(most/time.Microsecond)) * time.Microsecond
}
