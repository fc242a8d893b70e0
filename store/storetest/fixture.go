package storetest

import (
	"crypto/sha256"
	"testing"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/store"
)

// Call returns a call of tool by the local agent "tester", ready for a mutating method of s. Each has
// a digest; set IdempotencyKey to make it repeatable.
func Call(t testing.TB, s *store.Store, tool string) ordinaut.Call {
	t.Helper()
	agent, err := s.LocalAgent(t.Context(), "tester")
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256([]byte(tool))
	return ordinaut.Call{Agent: agent, Tool: tool, RequestID: t.Name(), Source: "test", Digest: digest[:]}
}

// Spec returns the definition of a manual task of one step that does no outside work.
func Spec(title string) ordinaut.TaskSpec {
	return ordinaut.TaskSpec{
		Title: title,
		Schedule: ordinaut.Schedule{
			Kind: ordinaut.ScheduleManual, Timezone: "UTC", Overlap: ordinaut.OverlapAllow, CatchUp: ordinaut.CatchUpLatest,
		},
		Pipeline:       []ordinaut.Step{{ID: "say", Uses: "data.transform", With: map[string]any{"input": "hello", "expression": "@"}}},
		Priority:       5,
		TimeoutSeconds: 900,
	}
}

// Task stores spec as a task of the agent of [Call]; it comes due by nobody's doing.
func Task(t testing.TB, s *store.Store, spec ordinaut.TaskSpec) ordinaut.Task {
	t.Helper()
	task, err := s.CreateTask(t.Context(), Call(t, s, "create_task"), spec, nil)
	if err != nil {
		t.Fatal(err)
	}
	return task
}

// Run queues a run of task by hand.
func Run(t testing.TB, s *store.Store, task ordinaut.Task) ordinaut.Run {
	t.Helper()
	run, err := s.CreateRun(t.Context(), Call(t, s, "run_now"), task.ID, nil)
	if err != nil {
		t.Fatal(err)
	}
	return run
}
