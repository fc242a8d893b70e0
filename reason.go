package ordinaut

// Reason says why an occurrence did not become a run, or why a run did not succeed. The list is
// closed; ledger rows, runs, steps, events, metrics and explanations use the same words.
type Reason string

// Reasons of occurrences that did not become a run of their own.
const (
	ReasonOverlap       Reason = "overlap"         // the task's previous run was still live and its policy is skip
	ReasonCaughtUp      Reason = "caught_up"       // several were due at once and the latest stood in for them
	ReasonTooLate       Reason = "too_late"        // later than max_lateness when the scheduler got to it
	ReasonSchedulerDown Reason = "scheduler_down"  // no scheduler was running when it was due and catch_up is none
	ReasonPaused        Reason = "paused"          // the task was paused when it was due
	ReasonDeduplicated  Reason = "deduplicated"    // an event that gives the same dedupe_by had started the task
	ReasonDebounced     Reason = "debounced"       // a later event of the same burst stood in for it
	ReasonEventLoop     Reason = "event_loop"      // the event came of runs that events started, too many in a row
	ReasonFilterError   Reason = "filter_error"    // the schedule's filter or dedupe_by could not be evaluated for the event
	ReasonDSTGapShifted Reason = "dst_gap_shifted" // started, at the end of a clock change that swallowed its local time

	ReasonExcludedByCalendar  Reason = "excluded_by_calendar"  // a calendar that the schedule observes excludes it
	ReasonShiftedByCalendar   Reason = "shifted_by_calendar"   // a calendar moved it to a later day: started then, or coalesced with others
	ReasonQuietHours          Reason = "quiet_hours"           // due in quiet hours or a blackout: skipped, or started or coalesced when they ended
	ReasonSnoozed             Reason = "snoozed"               // started, when it had been snoozed to
	ReasonBuffered            Reason = "buffered"              // started, but its run waits for the live one to end
	ReasonBufferFull          Reason = "buffer_full"           // as many runs as may were waiting for the live one already
	ReasonCatchUpLimit        Reason = "catch_up_limit"        // more were due at once than max_catch_up; later ones started
	ReasonPausedAfterFailures Reason = "paused_after_failures" // the task was paused when it was due, after too many failures in a row
	ReasonCooldown            Reason = "cooldown"              // a condition was met within cooldown_seconds of its latest start
	ReasonDeadlinePassed      Reason = "deadline_passed"       // a condition's deadline came before it started anything
	ReasonScheduleChanged     Reason = "schedule_changed"      // it waited to start when the schedule was changed, or had no run left for it
)

// Reasons of runs and steps that did not succeed.
const (
	ReasonStepTimedOut      Reason = "step_timed_out"     // a step passed its timeout_seconds
	ReasonRunTimedOut       Reason = "run_timed_out"      // the run passed its timeout_seconds
	ReasonExpectationFailed Reason = "expectation_failed" // a step's expect was not met by its output
	ReasonTemplateError     Reason = "template_error"     // an expression was wrong or a value it needs is missing
	ReasonInputInvalid      Reason = "input_invalid"      // the rendered input does not fit the action's schema
	ReasonOutputInvalid     Reason = "output_invalid"     // the answer does not fit the action's output schema
	ReasonUnknownAction     Reason = "unknown_action"     // no such action or server is registered
	ReasonActionFailed      Reason = "action_failed"      // the action answered with an error
	ReasonPermissionDenied  Reason = "permission_denied"  // the other side refused the credential, or a rule of ours the call
	ReasonServerUnavailable Reason = "server_unavailable" // the downstream server or host could not be reached
	ReasonRateLimited       Reason = "rate_limited"       // the other side asked to wait, longer than retries allow
	ReasonCanceled          Reason = "canceled"           // somebody called cancel_run
	ReasonWorkerCrashed     Reason = "worker_crashed"     // its worker died under it too often
	ReasonTaskDeleted       Reason = "task_deleted"       // its task was deleted while it, or the occurrence, waited
	ReasonSuperseded        Reason = "superseded"         // its task came due again and its policy is cancel_running
	ReasonConditionFalse    Reason = "condition_false"    // a step's if was false, so the step was skipped
	ReasonAwaitingApproval  Reason = "awaiting_approval"  // it waits for a person to decide
	ReasonInternal          Reason = "internal"           // our fault; the log has the details
)

// Reasons lists every [Reason], in the order of documentation.
func Reasons() []Reason {
	return []Reason{
		ReasonOverlap, ReasonCaughtUp, ReasonTooLate, ReasonSchedulerDown, ReasonPaused, ReasonDeduplicated,
		ReasonDebounced, ReasonEventLoop, ReasonFilterError, ReasonDSTGapShifted,
		ReasonExcludedByCalendar, ReasonShiftedByCalendar, ReasonQuietHours, ReasonSnoozed, ReasonBuffered,
		ReasonBufferFull, ReasonCatchUpLimit, ReasonPausedAfterFailures,
		ReasonCooldown, ReasonDeadlinePassed, ReasonScheduleChanged,
		ReasonStepTimedOut, ReasonRunTimedOut, ReasonExpectationFailed, ReasonTemplateError,
		ReasonInputInvalid, ReasonOutputInvalid, ReasonUnknownAction, ReasonActionFailed, ReasonPermissionDenied,
		ReasonServerUnavailable, ReasonRateLimited, ReasonCanceled, ReasonWorkerCrashed, ReasonTaskDeleted,
		ReasonSuperseded, ReasonConditionFalse, ReasonAwaitingApproval, ReasonInternal,
	}
}

// Retryable reports whether a failure with this reason may pass when the same thing is tried again.
// Faults of the definition (templates, schemas, policy) and refusals never do.
func (r Reason) Retryable() bool {
	switch r {
	case ReasonActionFailed, ReasonServerUnavailable, ReasonRateLimited, ReasonStepTimedOut,
		ReasonExpectationFailed, ReasonWorkerCrashed, ReasonInternal:
		return true
	default:
		return false
	}
}
