package ordinaut

// VerdictCode answers "why did this (not) run?" in one word. The list is closed: it holds each [Reason],
// and the words for what needs no reason or leaves no row in the ledger.
type VerdictCode string

// Verdicts beyond the reasons.
const (
	VerdictRan            VerdictCode = "ran"             // its run succeeded
	VerdictRunning        VerdictCode = "running"         // its run is being executed
	VerdictWaiting        VerdictCode = "waiting"         // its run sleeps, backs off, or waits for another to end
	VerdictQueued         VerdictCode = "queued"          // its run is ready, and workers are busy with others
	VerdictNoWorker       VerdictCode = "no_worker"       // its run is ready, and no worker has taken any of late
	VerdictNotYetDue      VerdictCode = "not_yet_due"     // its time lies ahead
	VerdictNotDue         VerdictCode = "not_due"         // the schedule has no time there
	VerdictBeforeStart    VerdictCode = "before_start"    // it would be due, but lies before starts_at
	VerdictAfterEnd       VerdictCode = "after_end"       // it would be due, but lies at or after ends_at
	VerdictOutsideVersion VerdictCode = "outside_version" // the schedule of today is due there; the one of that time was not
	VerdictFinished       VerdictCode = "finished"        // the schedule was exhausted before
	VerdictDeleted        VerdictCode = "deleted"         // the task was deleted before
	VerdictUnrecorded     VerdictCode = "unrecorded"      // the ledger says nothing: a change of the schedule came first, or the row is gone
)

// VerdictCodes lists every [VerdictCode]: those of occurrences and runs by their reason, then the others.
func VerdictCodes() []VerdictCode {
	var all []VerdictCode
	for _, r := range Reasons() {
		all = append(all, r.Verdict())
	}
	return append(all,
		VerdictRan, VerdictRunning, VerdictWaiting, VerdictQueued, VerdictNoWorker, VerdictNotYetDue, VerdictNotDue,
		VerdictBeforeStart, VerdictAfterEnd, VerdictOutsideVersion, VerdictFinished, VerdictDeleted, VerdictUnrecorded,
	)
}

// Verdict returns the verdict on what ended for this reason: the same word.
func (r Reason) Verdict() VerdictCode { return VerdictCode(r) }
