package explain

import "github.com/ordinaut/ordinaut"

// rule says how a verdict is told and what helps.
type rule struct {
	// means and remedy are for documentation: what the verdict says, and which call is proposed.
	means, remedy string
	// problem reports whether somebody may want it to have been otherwise.
	problem  bool
	sentence func(*judge, finding) string
	fix      func(*judge, finding) *Fix // nil: nothing is wrong
	// makeUp is for what got no run of its own and, when the ledger has it so, never will; nil: policy wants
	// none.
	makeUp func(*judge, finding) *Fix
}

// rules returns the rule of each verdict.
func rules() map[ordinaut.VerdictCode]rule {
	all := map[ordinaut.VerdictCode]rule{
		ordinaut.VerdictRan:            {means: "its run succeeded", sentence: ranSentence},
		ordinaut.VerdictRunning:        {means: "its run is being executed", sentence: runningSentence},
		ordinaut.VerdictWaiting:        {means: "its run sleeps, backs off, or waits for the run before it", sentence: waitingSentence},
		ordinaut.VerdictQueued:         {means: "its run is ready for the next free worker", sentence: queuedSentence},
		ordinaut.VerdictNoWorker:       {means: "its run is ready, and nobody takes runs", remedy: "`get_status`, and start a worker", problem: true, sentence: noWorkerSentence, fix: startWorker},
		ordinaut.VerdictNotYetDue:      {means: "its time lies ahead, or has come this moment", sentence: notYetDueSentence},
		ordinaut.VerdictNotDue:         {means: "the schedule has no time there", sentence: notDueSentence},
		ordinaut.VerdictBeforeStart:    {means: "the time lies before `starts_at`", remedy: "`update_task`: an earlier `starts_at`", sentence: beforeStartSentence, fix: dropStart},
		ordinaut.VerdictAfterEnd:       {means: "the time lies at or after `ends_at`", remedy: "`update_task` without `ends_at`", sentence: afterEndSentence, fix: dropEnd},
		ordinaut.VerdictOutsideVersion: {means: "the task did not exist then, or had another schedule", sentence: outsideVersionSentence},
		ordinaut.VerdictFinished:       {means: "the schedule was exhausted before", remedy: "`update_task` without `ends_at` and `max_runs`, or `run_now`", problem: true, sentence: finishedSentence, fix: func(j *judge, _ finding) *Fix { return j.extend() }},
		ordinaut.VerdictDeleted:        {means: "the task was deleted before", remedy: "`create_task` with what it was", problem: true, sentence: deletedSentence, fix: recreate},
		ordinaut.VerdictUnrecorded:     {means: "the task was changed before a scheduler came to it, or its history is gone", remedy: "`run_now`; for several times `backfill_task`", problem: true, sentence: unrecordedSentence, fix: makeUp},
	}
	for reason, r := range occurrenceRules() {
		all[reason.Verdict()] = r
	}
	for reason, r := range runRules() {
		all[reason.Verdict()] = r
	}
	return all
}

// occurrenceRules returns the rules of times that did not become a run of their own.
func occurrenceRules() map[ordinaut.Reason]rule {
	return map[ordinaut.Reason]rule{
		ordinaut.ReasonOverlap:             {means: "the previous run was still live, and `overlap` is `skip`", remedy: "`update_task`: `overlap` `buffer_one`", problem: true, sentence: overlapSentence, fix: queueBehind, makeUp: makeUp},
		ordinaut.ReasonCaughtUp:            {means: "several times were due at once, and the latest stood in for them", sentence: caughtUpSentence, makeUp: (*judge).standInFor},
		ordinaut.ReasonTooLate:             {means: "the scheduler came to it later than `max_lateness_seconds` allows", remedy: "`update_task`: a larger `max_lateness_seconds`", problem: true, sentence: tooLateSentence, fix: allowLateness, makeUp: makeUp},
		ordinaut.ReasonSchedulerDown:       {means: "no scheduler was running, and `catch_up` is `none`; or none is running now", remedy: "`update_task`: `catch_up` `latest`; or `get_status`, and start a scheduler", problem: true, sentence: schedulerDownSentence, fix: catchUp, makeUp: makeUp},
		ordinaut.ReasonPaused:              {means: "the task was paused", remedy: "`resume_task`; when it is over, `run_now`, or for several times `backfill_task`", problem: true, sentence: pausedSentence, fix: resume, makeUp: makeUp},
		ordinaut.ReasonExcludedByCalendar:  {means: "a calendar that the schedule observes excludes it", remedy: "`update_task`: `on_excluded` `shift`, or without `calendars`; or `run_now`", problem: true, sentence: excludedSentence, fix: shiftExcluded},
		ordinaut.ReasonShiftedByCalendar:   {means: "a calendar moved it to a later day", remedy: "`run_now`, while it is yet to come", problem: true, sentence: shiftedSentence, fix: makeUp},
		ordinaut.ReasonQuietHours:          {means: "it came in quiet hours or a blackout: it was skipped, or put off to their end", remedy: "`update_task`: `quiet` with `action` `defer`; or `run_now`", problem: true, sentence: quietSentence, fix: deferQuiet},
		ordinaut.ReasonSnoozed:             {means: "somebody put it off", remedy: "`run_now`, while it is yet to come", problem: true, sentence: snoozedSentence, fix: makeUp},
		ordinaut.ReasonBuffered:            {means: "its run waits, or waited, for the run before it to end", sentence: bufferedSentence},
		ordinaut.ReasonBufferFull:          {means: "as many runs as may were waiting for the live one already", remedy: "`update_task`: `overlap` `buffer_all` or `allow`", problem: true, sentence: bufferFullSentence, fix: widenBuffer, makeUp: makeUp},
		ordinaut.ReasonCatchUpLimit:        {means: "more were due at once than `max_catch_up`", remedy: "`update_task`: a larger `max_catch_up`", problem: true, sentence: catchUpLimitSentence, fix: catchUpMore, makeUp: makeUp},
		ordinaut.ReasonDeduplicated:        {means: "an earlier event gave the same value of `dedupe_by`", remedy: "`update_task` without `dedupe_by`", problem: true, sentence: notStarted("an earlier event with the same value of dedupe_by had started it"), fix: dropDedupe},
		ordinaut.ReasonDebounced:           {means: "a later event of the same burst stood in for it", sentence: notStarted("it was one of a burst, and a later event of that stood in for it")},
		ordinaut.ReasonEventLoop:           {means: "the event came of runs that events had started, too many in a row", remedy: "`run_now`", problem: true, sentence: notStarted("the event came of runs that events had started, too many in a row"), fix: makeUp},
		ordinaut.ReasonFilterError:         {means: "`filter` or `dedupe_by` could not be evaluated for the event", remedy: "`update_task` without them", problem: true, sentence: notStarted("the schedule's filter or dedupe_by could not be evaluated for it"), fix: dropFilter},
		ordinaut.ReasonPausedAfterFailures: {means: "the task was paused when so many runs in a row had failed", remedy: "correct what fails, then `resume_task`", problem: true, sentence: pausedSentence, fix: resume, makeUp: makeUp},
		ordinaut.ReasonCooldown:            {means: "the condition was met within `cooldown_seconds` of its latest start", remedy: "`update_task` without `cooldown_seconds`", problem: true, sentence: cooldownSentence, fix: dropCooldown},
		ordinaut.ReasonDeadlinePassed:      {means: "the condition's `deadline` came before it started anything", remedy: "`update_task` without `deadline`", problem: true, sentence: deadlineSentence, fix: dropDeadline},
		ordinaut.ReasonScheduleChanged:     {means: "it waited to start, or for a scheduler, when the schedule was changed or had no run left for it", remedy: "`run_now`; for several times `backfill_task`", problem: true, sentence: scheduleChangedSentence, fix: makeUp},
		ordinaut.ReasonDSTGapShifted:       {means: "it ran at the end of a clock change that swallowed its local time", sentence: gapSentence},
	}
}

// madeUp returns the rule with what makes up for it.
func (r rule) madeUp(by func(*judge, finding) *Fix) rule {
	r.makeUp = by
	return r
}

// runRules returns the rules of runs that did not succeed.
func runRules() map[ordinaut.Reason]rule {
	fails := func(means, remedy string, fix func(*judge, finding) *Fix) rule {
		return rule{means: means, remedy: remedy, problem: true, sentence: failed(means), fix: fix}
	}
	const look, again, more = "`get_run` with `detail` `full`", "`retry_run`", "`update_task`: `retry`; or `retry_run`"
	return map[ordinaut.Reason]rule{
		ordinaut.ReasonStepTimedOut:      fails("a step took longer than its timeout_seconds", "`update_task`: twice the step's `timeout_seconds`", moreStepTime),
		ordinaut.ReasonRunTimedOut:       fails("the run took longer than its timeout_seconds", "`update_task`: twice the `timeout_seconds`", moreTime),
		ordinaut.ReasonExpectationFailed: fails("the output of a step did not meet its expect", look, lookInto),
		ordinaut.ReasonTemplateError:     fails("an expression is wrong, or a value that it needs is missing", look, lookInto),
		ordinaut.ReasonInputInvalid:      fails("what a step was given does not fit its action's schema", look, lookInto),
		ordinaut.ReasonOutputInvalid:     fails("what an action answered does not fit its schema", look, lookInto),
		ordinaut.ReasonUnknownAction:     fails("a step uses an action that is not registered", "`list_actions`", findAction),
		ordinaut.ReasonActionFailed:      fails("an action answered with an error", look, lookInto),
		ordinaut.ReasonPermissionDenied:  fails("a credential was refused, or a rule forbade the call", look, lookInto),
		ordinaut.ReasonServerUnavailable: fails("a server or host could not be reached", more, tryMore).madeUp(retry),
		ordinaut.ReasonRateLimited:       fails("the other side asked to wait for longer than retries allow", more, tryMore).madeUp(retry),
		ordinaut.ReasonCanceled:          fails("somebody canceled it", again, retry),
		ordinaut.ReasonWorkerCrashed:     fails("its worker died under it too often", again, retry),
		ordinaut.ReasonTaskDeleted:       fails("the task was deleted meanwhile", "`create_task` with what it was", recreate),
		ordinaut.ReasonSuperseded:        fails("the task was due again, and overlap is cancel_running", "`update_task`: `overlap` `buffer_one`", queueBehind),
		ordinaut.ReasonConditionFalse:    {means: "the latest probe found the condition not met, or met with its run had already", sentence: conditionSentence},
		ordinaut.ReasonAwaitingApproval:  {means: "its run waits for a person to decide", remedy: "`decide_approval`", problem: true, sentence: approvalSentence, fix: decide},
		ordinaut.ReasonInternal:          fails("something went wrong inside Ordinaut; the log has the details", "`run_now`", makeUp),
	}
}
