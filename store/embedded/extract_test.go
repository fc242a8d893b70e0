package embedded

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha512"
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// entry is one file of a made-up npm archive.
type entry struct {
	name string
	text string
	kind byte // 0 means a regular file
	mode int64
}

func archiveOf(t *testing.T, entries ...entry) []byte {
	t.Helper()
	var out bytes.Buffer
	zipped := gzip.NewWriter(&out)
	w := tar.NewWriter(zipped)
	for _, e := range entries {
		header := &tar.Header{Name: e.name, Mode: e.mode, Size: int64(len(e.text)), Typeflag: tar.TypeReg}
		if e.kind != 0 {
			header.Typeflag, header.Linkname, header.Size, e.text = e.kind, e.text, 0, ""
		}
		if err := w.WriteHeader(header); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(e.text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zipped.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func integrityOf(archive []byte) string {
	sum := sha512.Sum512(archive)
	return "sha512-" + base64.StdEncoding.EncodeToString(sum[:])
}

// Programs keep their executable bit, links lead where the archive says, and nothing but
// PostgreSQL and its licence is taken.
func TestExtract(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	archive := filepath.Join(dir, "a.tgz")
	write(t, archive, string(archiveOf(t,
		entry{name: "package/package.json", text: "{}", mode: 0o644},
		entry{name: "package/LICENSE.md", text: "MIT", mode: 0o600},
		entry{name: "package/native/bin/postgres", text: "program", mode: 0o700},
		entry{name: "package/native/lib/libpq.so.5.17", text: "library", mode: 0o4666},
		entry{name: "package/native/pg-symlinks.json", mode: 0o644, text: `[
			{"source": "native/lib/libpq.so.5.17", "target": "native/lib/libpq.so.5"},
			{"source": "native/bin/postgres", "target": "native/lib/up"}]`},
	)))
	tree := filepath.Join(dir, "tree")
	if err := extract(archive, tree); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]struct {
		text string
		mode os.FileMode
	}{
		"LICENSE.md":               {"MIT", 0o644},
		"native/bin/postgres":      {"program", 0o755},
		"native/lib/libpq.so.5.17": {"library", 0o644},
		"native/lib/libpq.so.5":    {"library", 0o644},
		"native/lib/up":            {"program", 0o755},
	} {
		path := filepath.Join(tree, name)
		text, err := os.ReadFile(path)
		if err != nil || string(text) != want.text {
			t.Errorf("%s holds %q, %v", name, text, err)
			continue
		}
		if info, err := os.Stat(path); err != nil || info.Mode() != want.mode {
			t.Errorf("%s has mode %v, want %v", name, info.Mode(), want.mode)
		}
	}
	if exists(filepath.Join(tree, "package.json")) {
		t.Error("package.json was taken")
	}
	if to, err := os.Readlink(filepath.Join(tree, "native/lib/up")); err != nil || to != filepath.FromSlash("../bin/postgres") {
		t.Errorf("link leads to %q, %v", to, err)
	}
}

// An archive cannot write or point outside its tree.
func TestExtractRefusesEscapes(t *testing.T) {
	t.Parallel()
	symlinks := func(text string) []entry {
		return []entry{
			{name: "package/native/bin/postgres", mode: 0o755},
			{name: "package/native/pg-symlinks.json", text: text, mode: 0o644},
		}
	}
	for name, c := range map[string]struct {
		entries []entry
		says    string
	}{
		"parent":         {[]entry{{name: "package/native/../../../escaped", text: "x"}}, "escapes"},
		"absolute":       {[]entry{{name: "/escaped", text: "x"}}, "not below package/"},
		"other root":     {[]entry{{name: "native/bin/postgres", text: "x"}}, "not below package/"},
		"symlink":        {[]entry{{name: "package/native/bin", text: "/tmp", kind: tar.TypeSymlink}}, "neither a file nor a directory"},
		"hard link":      {[]entry{{name: "package/native/x", text: "/etc/passwd", kind: tar.TypeLink}}, "neither a file nor a directory"},
		"device":         {[]entry{{name: "package/native/x", kind: tar.TypeChar}}, "neither a file nor a directory"},
		"twice":          {[]entry{{name: "package/native/x", text: "x"}, {name: "package/native/x", text: "y"}}, "exists"},
		"link source":    {symlinks(`[{"source": "../../etc/passwd", "target": "native/bin/x"}]`), "not below native/"},
		"link absolute":  {symlinks(`[{"source": "/etc/passwd", "target": "native/bin/x"}]`), "not below native/"},
		"link climbs":    {symlinks(`[{"source": "native/../../x", "target": "native/bin/x"}]`), "not below native/"},
		"link target":    {symlinks(`[{"source": "native/bin/postgres", "target": "native/../../x"}]`), "not below native/"},
		"link over file": {symlinks(`[{"source": "native/bin/x", "target": "native/bin/postgres"}]`), "exists"},
		"not links":      {symlinks(`{"a": 1}`), "pg-symlinks.json"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			archive := filepath.Join(dir, "a.tgz")
			write(t, archive, string(archiveOf(t, c.entries...)))
			err := extract(archive, filepath.Join(dir, "in", "tree"))
			if err == nil { // the parent does not exist
				t.Fatal("extract made the parent of its tree")
			}
			err = extract(archive, filepath.Join(dir, "tree"))
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want %q", err, c.says)
			}
			if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) != 2 {
				t.Errorf("beside the archive and the tree: %v", left)
			}
		})
	}
}

// A size that the header claims counts before a byte is written.
func TestExtractBoundsSize(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	zipped := gzip.NewWriter(&out)
	if err := tar.NewWriter(zipped).WriteHeader(&tar.Header{Name: "package/native/big", Size: maxUnpacked + 1, Mode: 0o644}); err != nil {
		t.Fatal(err)
	}
	if err := zipped.Close(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a.tgz"), out.String())
	err := extract(filepath.Join(dir, "a.tgz"), filepath.Join(dir, "tree"))
	if err == nil || !strings.Contains(err.Error(), "more than") {
		t.Errorf("got %v", err)
	}
}
