package ordinaut

import (
	"crypto/rand"
	"database/sql/driver"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
	"sync/atomic"
	"time"
)

// kind marks what an [ID] identifies, so that no function takes one kind for another.
type kind interface{ prefix() string }

type (
	namespaceKind struct{}
	agentKind     struct{}
	taskKind      struct{}
	runKind       struct{}
	eventKind     struct{}
	serverKind    struct{}
	previewKind   struct{}
	approvalKind  struct{}
)

func (namespaceKind) prefix() string { return "ns" }
func (agentKind) prefix() string     { return "agent" }
func (taskKind) prefix() string      { return "task" }
func (runKind) prefix() string       { return "run" }
func (eventKind) prefix() string     { return "event" }
func (serverKind) prefix() string    { return "server" }
func (previewKind) prefix() string   { return "preview" }
func (approvalKind) prefix() string  { return "approval" }

// ID is a UUIDv7 (RFC 9562) of one kind of object. It is shown as the kind's prefix, an underscore
// and 32 lower-case hex digits, for example task_0199e0c2b6d27cc19a5f0b7c5b1f3a52, and stored as uuid.
type ID[K kind] [16]byte

// Ids of the objects of the domain.
type (
	NamespaceID = ID[namespaceKind]
	AgentID     = ID[agentKind]
	TaskID      = ID[taskKind]
	RunID       = ID[runKind]
	EventID     = ID[eventKind]
	ServerID    = ID[serverKind]
	PreviewID   = ID[previewKind]
	ApprovalID  = ID[approvalKind]
)

// NewID returns a fresh id of kind K. An id sorts after all that this process made before, and after
// those of other processes as far as their clocks agree, so that indexes grow at their right end.
func NewID[K kind]() ID[K] {
	var id ID[K]
	ticks := idTicks.after(time.Now())
	binary.BigEndian.PutUint64(id[:8], ticks>>12<<16|0x7000|ticks&0xfff)
	rand.Read(id[8:]) //nolint:errcheck // never fails, by its documentation
	id[8] = id[8]&0x3f | 0x80
	return id
}

// idTicks is shared by all kinds of ids.
var idTicks ticker //nolint:gochecknoglobals // what rises within a process belongs to the process

// ticker hands out rising times as RFC 9562, section 6.2, method 3 has them: milliseconds since 1970
// in the upper 48 bits of 60, 4096ths of a millisecond in the lower 12.
type ticker struct{ last atomic.Uint64 }

// maxAhead is how far ids may be ahead of the clock: a second, in ticks.
const maxAhead = 1000 << 12

// after returns a time that was not handed out before: that of now, or a tick more than the last. A
// clock that was set back by more than a second is followed, lest one that was wrong for a moment
// spoils all later ids.
func (t *ticker) after(now time.Time) uint64 {
	at := uint64(now.UnixMilli())<<12 | uint64(now.Nanosecond()%1e6)<<12/1e6
	for {
		last := t.last.Load()
		next := at
		if last >= at && last-at < maxAhead {
			next = last + 1
		}
		if t.last.CompareAndSwap(last, next) {
			return next
		}
	}
}

// NewTaskID returns a fresh task id.
func NewTaskID() TaskID { return NewID[taskKind]() }

// NewRunID returns a fresh run id.
func NewRunID() RunID { return NewID[runKind]() }

// NewEventID returns a fresh event id.
func NewEventID() EventID { return NewID[eventKind]() }

// NewAgentID returns a fresh agent id.
func NewAgentID() AgentID { return NewID[agentKind]() }

// NewNamespaceID returns a fresh namespace id.
func NewNamespaceID() NamespaceID { return NewID[namespaceKind]() }

// NewServerID returns a fresh server id.
func NewServerID() ServerID { return NewID[serverKind]() }

// NewApprovalID returns a fresh approval id.
func NewApprovalID() ApprovalID { return NewID[approvalKind]() }

// NewPreviewID returns a fresh preview id.
func NewPreviewID() PreviewID { return NewID[previewKind]() }

// String returns the prefixed form.
func (id ID[K]) String() string {
	var k K
	return k.prefix() + "_" + hex.EncodeToString(id[:])
}

// IsZero reports whether the id is unset.
func (id ID[K]) IsZero() bool { return id == ID[K]{} }

// Time returns the millisecond at which the id was made, in UTC.
func (id ID[K]) Time() time.Time {
	var ms [8]byte
	copy(ms[2:], id[:6])
	return time.UnixMilli(int64(binary.BigEndian.Uint64(ms[:]))).UTC()
}

// MarshalText returns the prefixed form; an unset id is empty.
func (id ID[K]) MarshalText() ([]byte, error) {
	if id.IsZero() {
		return nil, nil
	}
	return []byte(id.String()), nil
}

// UnmarshalText parses the prefixed form; empty text gives the unset id.
func (id *ID[K]) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*id = ID[K]{}
		return nil
	}
	parsed, err := ParseID[K](string(text))
	if err != nil {
		return err
	}
	*id = parsed
	return nil
}

// ParseID parses the prefixed form of an id of kind K. It returns an invalid_argument [Error] that
// names the expected prefix.
func ParseID[K kind](s string) (ID[K], error) {
	var k K
	var id ID[K]
	digits, found := strings.CutPrefix(s, k.prefix()+"_")
	if !found || len(digits) != 32 {
		return id, Errorf(CodeInvalidArgument, "want an id of the form %s_ and 32 hex digits", k.prefix())
	}
	if _, err := hex.Decode(id[:], []byte(digits)); err != nil {
		return ID[K]{}, Errorf(CodeInvalidArgument, "want an id of the form %s_ and 32 hex digits", k.prefix())
	}
	return id, nil
}

// ParseTaskID parses a task id.
func ParseTaskID(s string) (TaskID, error) { return ParseID[taskKind](s) }

// ParseRunID parses a run id.
func ParseRunID(s string) (RunID, error) { return ParseID[runKind](s) }

// ParseApprovalID parses an approval id.
func ParseApprovalID(s string) (ApprovalID, error) { return ParseID[approvalKind](s) }

// ParsePreviewID parses a preview id.
func ParsePreviewID(s string) (PreviewID, error) { return ParseID[previewKind](s) }

// Value implements [driver.Valuer]: the uuid's text, or NULL for the unset id.
func (id ID[K]) Value() (driver.Value, error) {
	if id.IsZero() {
		return nil, nil
	}
	return id.uuid(), nil
}

// Scan implements [database/sql.Scanner] for a uuid column; NULL gives the unset id.
func (id *ID[K]) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*id = ID[K]{}
		return nil
	case string:
		b, err := hex.DecodeString(strings.ReplaceAll(v, "-", ""))
		if err != nil || len(b) != 16 {
			return fmt.Errorf("scan id: %q is no uuid", v)
		}
		copy(id[:], b)
		return nil
	case []byte:
		if len(v) == 16 {
			copy(id[:], v)
			return nil
		}
		return id.Scan(string(v))
	default:
		return fmt.Errorf("scan id: unexpected type %T", src)
	}
}

func (id ID[K]) uuid() string {
	h := hex.EncodeToString(id[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}
