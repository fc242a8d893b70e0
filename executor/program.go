package executor

import (
	"cmp"
	"container/list"
	"context"
	"regexp"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/pipeline"
)

const (
	// maxPrograms bounds the cache; a program is a few kilobytes.
	maxPrograms           = 2000
	programTimeout        = 10 * time.Second
	defaultStepTimeout    = 60 * time.Second
	defaultTimeoutSeconds = 900
	// defaultAnswerTime is how long approval.request waits for a person.
	defaultAnswerTime = 24 * time.Hour
)

// program is one version of a task, ready to be interpreted. It never changes.
type program struct {
	title    string
	version  int
	params   map[string]any
	location *time.Location
	timeout  time.Duration
	retry    *ordinaut.Retry
	steps    []step
	code     *pipeline.Program
	// onFailure and finally are what comes after the steps.
	onFailure, finally []step
	// probe is set when the program is that of a probe, whose one step is steps[0]; tellsCursor says
	// whether any of its expressions may look at cursor.
	probe       *pipeline.Probe
	tellsCursor bool
	// asks reports whether any step asks a person.
	asks bool
	// tellsRun, tellsTask and tellsEvent say whether any expression may look at run, task or event.
	tellsRun, tellsTask, tellsEvent bool
}

// step is a step with its defaults filled in.
type step struct {
	ordinaut.Step
	index   int    // in the compiled pipeline
	name    string // under steps
	timeout time.Duration
	// blocks are the lists of steps within a flow, handler that of on_error.
	blocks  []block
	handler []step
	// inner are the names under which steps in it save what later steps reach.
	inner []string
}

// block is a list of steps within a flow.
type block struct {
	name, kind string
	steps      []step
}

// flow reports whether the step is one that holds others.
func (s *step) flow() bool { return len(s.blocks) > 0 }

// newSteps makes steps of a list and of all lists within. Their indices count as [ordinaut.TaskSpec.AllSteps] does,
// from *next on.
func newSteps(list []ordinaut.Step, next *int) []step {
	steps := make([]step, len(list))
	for i := range list {
		s := list[i]
		most := defaultStepTimeout
		if s.Uses == ordinaut.ApprovalRequest {
			most = defaultAnswerTime
		}
		st := step{
			Step: s, index: *next, name: cmp.Or(s.SaveAs, s.ID),
			timeout: cmp.Or(time.Duration(s.TimeoutSeconds*float64(time.Second)), most),
		}
		*next++
		for _, b := range s.Blocks() {
			within := newSteps(b.Steps, next)
			if b.Kind != "steps" {
				for k := range within {
					st.inner = append(append(st.inner, within[k].name), within[k].inner...)
				}
			}
			if b.Kind == "on_error" {
				st.handler = within
			} else {
				st.blocks = append(st.blocks, block{name: b.Name, kind: b.Kind, steps: within})
			}
		}
		steps[i] = st
	}
	return steps
}

func compile(language *pipeline.Language, spec *ordinaut.TaskSpec, version int, kind ordinaut.RunKind) (*program, error) {
	if kind == ordinaut.RunProbe {
		return compileProbe(language, spec, version)
	}
	location, err := time.LoadLocation(cmp.Or(spec.Schedule.Timezone, "UTC"))
	if err != nil {
		return nil, err
	}
	code, err := language.Compile(spec)
	if err != nil {
		return nil, err
	}
	p := &program{
		code: code, title: spec.Title, version: version, params: spec.Params, location: location, retry: spec.Retry,
		timeout: time.Duration(cmp.Or(spec.TimeoutSeconds, defaultTimeoutSeconds)) * time.Second,
	}
	var next int
	p.steps, p.onFailure, p.finally = newSteps(spec.Pipeline, &next), newSteps(spec.OnFailure, &next), newSteps(spec.Finally, &next)
	run, task, event := regexp.MustCompile(`\brun\b`), regexp.MustCompile(`\btask\b`), regexp.MustCompile(`\bevent\b`)
	texts := []any{spec.Output}
	for _, assert := range spec.Assert {
		texts = append(texts, assert)
	}
	for _, s := range spec.AllSteps() {
		p.asks = p.asks || s.Uses == ordinaut.ApprovalRequest
		texts = append(texts, s.With, s.If, s.Expect)
		for _, c := range s.Cases {
			texts = append(texts, c.If)
		}
	}
	p.tellsRun, p.tellsTask, p.tellsEvent = mentions(texts, run), mentions(texts, task), mentions(texts, event)
	return p, nil
}

type programKey struct {
	task    ordinaut.TaskID
	version int
	probe   bool
}

// programs caches programs, the least recently used leaving first.
type programs struct {
	store    History
	language *pipeline.Language
	flight   singleflight.Group

	mu    sync.Mutex // guards what follows
	byKey map[programKey]*list.Element
	order *list.List // of cached, latest first
}

type cached struct {
	key  programKey
	prog *program
}

func newPrograms(store History, language *pipeline.Language) *programs {
	return &programs{store: store, language: language, byKey: make(map[programKey]*list.Element), order: list.New()}
}

// get returns the program of the attempt's task and version. Attempts that miss it at once share one
// look into the database.
func (p *programs) get(ctx context.Context, a *attempt) (*program, error) {
	key := programKey{a.TaskID, a.TaskVersion, a.Kind == ordinaut.RunProbe}
	if prog := p.find(key); prog != nil {
		return prog, nil
	}
	found, err, _ := p.flight.Do(key.task.String()+"/"+strconv.Itoa(key.version)+"/"+strconv.FormatBool(key.probe), func() (any, error) {
		if prog := p.find(key); prog != nil {
			return prog, nil // another look ended in between
		}
		// The look serves others too: it does not end with the attempt that happened to be first.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), programTimeout)
		defer cancel()
		spec, err := p.store.TaskVersion(ctx, a.NamespaceID, a.TaskID, a.TaskVersion)
		if err != nil {
			return nil, err
		}
		prog, err := compile(p.language, spec, a.TaskVersion, a.Kind)
		if err != nil {
			return nil, err
		}
		p.keep(key, prog)
		return prog, nil
	})
	if err != nil {
		return nil, err
	}
	return found.(*program), nil
}

func (p *programs) find(key programKey) *program {
	p.mu.Lock()
	defer p.mu.Unlock()
	el := p.byKey[key]
	if el == nil {
		return nil
	}
	p.order.MoveToFront(el)
	return el.Value.(*cached).prog
}

func (p *programs) keep(key programKey, prog *program) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.byKey[key] != nil {
		return
	}
	p.byKey[key] = p.order.PushFront(&cached{key, prog})
	if p.order.Len() > maxPrograms {
		oldest := p.order.Back()
		p.order.Remove(oldest)
		delete(p.byKey, oldest.Value.(*cached).key)
	}
}
