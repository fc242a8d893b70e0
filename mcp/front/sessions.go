package front

import (
	"container/list"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"sync"
	"time"
)

const (
	sessionLifetime = 7 * 24 * time.Hour // a legacy client must shake hands again after it
	maxSessions     = 4096               // kept at once; more makes the longest idle be forgotten
	maxEnded        = 65536              // ended ids remembered
	nonceBytes      = 16
	stampBytes      = 8
)

// sessions issues and opens the session ids of legacy clients.
//
// An id is a nonce and a time under a MAC that also covers its owner: nobody else can use it, and every
// replica that has the key accepts it, whether or not it keeps anything of that session. What is kept
// (who the client is, what it may be asked) is dropped when idle and starts anew at the next request.
type sessions struct {
	key []byte
	ttl time.Duration
	now func() time.Time

	mu    sync.Mutex
	live  map[string]*list.Element
	order *list.List // of *liveSession, latest used first
	ended map[string]struct{}
	queue []string // ended ids, oldest first
}

type liveSession struct {
	*session
	usedAt time.Time
}

// newSessions returns an empty store. Without a key it makes one, and ids then end with the process.
func newSessions(key []byte, ttl time.Duration) *sessions {
	if len(key) == 0 {
		key = make([]byte, sha256.Size)
		rand.Read(key) //nolint:errcheck // never fails, by its documentation
	}
	return &sessions{
		key: key, ttl: ttl, now: time.Now,
		live: make(map[string]*list.Element), order: list.New(), ended: make(map[string]struct{}),
	}
}

// create starts a session that only owner can use.
func (s *sessions) create(owner string) *session {
	raw := make([]byte, nonceBytes+stampBytes, nonceBytes+stampBytes+sha256.Size)
	rand.Read(raw[:nonceBytes]) //nolint:errcheck // never fails, by its documentation
	binary.BigEndian.PutUint64(raw[nonceBytes:], uint64(s.now().Unix()))
	id := base64.RawURLEncoding.EncodeToString(s.seal(raw, owner))
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.keep(id)
}

// seal appends the MAC of raw and owner.
func (s *sessions) seal(raw []byte, owner string) []byte {
	mac := hmac.New(sha256.New, s.key)
	mac.Write(raw)
	mac.Write([]byte(owner))
	return mac.Sum(raw)
}

// open returns owner's session, or nil if the id is not owner's, too old or ended.
func (s *sessions) open(id, owner string) *session {
	raw, err := base64.RawURLEncoding.DecodeString(id)
	if err != nil || len(raw) != nonceBytes+stampBytes+sha256.Size {
		return nil
	}
	body := raw[: nonceBytes+stampBytes : nonceBytes+stampBytes]
	if !hmac.Equal(s.seal(body, owner), raw) {
		return nil
	}
	issued := time.Unix(int64(binary.BigEndian.Uint64(body[nonceBytes:])), 0)
	if s.now().Sub(issued) > sessionLifetime {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.ended[id]; ok {
		return nil
	}
	return s.keep(id)
}

// keep returns what is kept under id, or starts it, and forgets what is idle. It needs the mutex.
func (s *sessions) keep(id string) *session {
	now := s.now()
	if e, ok := s.live[id]; ok {
		s.order.MoveToFront(e)
		l := e.Value.(*liveSession)
		l.usedAt = now
		return l.session
	}
	l := &liveSession{session: newSession(id), usedAt: now}
	s.live[id] = s.order.PushFront(l)
	for e := s.order.Back(); e != s.order.Front(); {
		old := e.Value.(*liveSession)
		if s.order.Len() <= maxSessions && now.Sub(old.usedAt) < s.ttl {
			break
		}
		previous := e.Prev()
		if !old.busy() {
			s.order.Remove(e)
			delete(s.live, old.id)
		}
		e = previous
	}
	return l.session
}

// end makes an open session's id useless on this replica.
func (s *sessions) end(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e, ok := s.live[id]; ok {
		e.Value.(*liveSession).end()
		s.order.Remove(e)
		delete(s.live, id)
	}
	s.ended[id] = struct{}{}
	if s.queue = append(s.queue, id); len(s.queue) > maxEnded {
		delete(s.ended, s.queue[0])
		s.queue = s.queue[1:]
	}
}
