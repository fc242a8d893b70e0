package embedded

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net"
	"time"
)

// accepts reports whether the server at socket lets a session begin. It sends the first message of
// PostgreSQL's protocol and looks at the first answer, which tells a server that recovers or shuts
// down from one that asks for a password; no driver is needed for that, and no password.
func accepts(ctx context.Context, socket string) bool {
	conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "unix", socket)
	if err != nil {
		return false
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(2 * time.Second)); err != nil {
		return false
	}
	const protocol3 = 3 << 16
	body := binary.BigEndian.AppendUint32(nil, protocol3)
	body = append(body, "user\x00"+roleName+"\x00database\x00"+databaseName+"\x00\x00"...)
	message := binary.BigEndian.AppendUint32(nil, uint32(4+len(body)))
	if _, err := conn.Write(append(message, body...)); err != nil {
		return false
	}
	var head [5]byte // type, length
	if _, err := io.ReadFull(conn, head[:]); err != nil {
		return false
	}
	switch head[0] {
	case 'R': // authentication request
		return true
	case 'E': // any error but "cannot connect now" (57P03) is a server that serves, if not us
		text, _ := io.ReadAll(io.LimitReader(conn, 8<<10)) // the connection closes after an error
		return !bytes.Contains(text, []byte("\x00C57P03\x00"))
	}
	return false
}
