package embedded

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

const (
	// Bounds of an unpacked archive; the largest pinned one has 1,500 files in 140 MB.
	maxUnpacked = 1 << 30
	maxFiles    = 20_000
	// links lists the symbolic links of the tree, which npm archives cannot hold.
	links = "native/pg-symlinks.json"
)

// extract unpacks the npm archive into the new directory tree and makes its links. Nothing can land
// outside tree: the kernel resolves every name below it. Of the archive's files only those of
// PostgreSQL and the licence are taken.
func extract(archive, tree string) error {
	file, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer file.Close()
	zipped, err := gzip.NewReader(file)
	if err != nil {
		return err
	}
	if err := os.Mkdir(tree, 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(tree)
	if err != nil {
		return err
	}
	defer root.Close()
	if err := unpack(root, tar.NewReader(zipped)); err != nil {
		return err
	}
	if err := link(root); err != nil {
		return err
	}
	return openDirs(root)
}

// openDirs undoes what the umask took from the directories.
func openDirs(root *os.Root) error {
	return fs.WalkDir(root.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			return err
		}
		return root.Chmod(name, 0o755)
	})
}

func unpack(root *os.Root, archive *tar.Reader) error {
	left := int64(maxUnpacked)
	for count := 0; ; count++ {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if count == maxFiles {
			return fmt.Errorf("more than %d files", maxFiles)
		}
		name, below := strings.CutPrefix(header.Name, "package/")
		if !below {
			return fmt.Errorf("%q is not below package/", header.Name)
		}
		switch header.Typeflag {
		case tar.TypeDir:
			continue // directories come with their files
		case tar.TypeReg:
		default:
			return fmt.Errorf("%q is neither a file nor a directory", header.Name)
		}
		if left -= header.Size; left < 0 {
			return fmt.Errorf("more than %d bytes", maxUnpacked)
		}
		if !strings.HasPrefix(name, "native/") && path.Base(name) != "LICENSE.md" {
			continue
		}
		if err := writeFile(root, name, header.FileInfo().Mode(), archive); err != nil {
			return err
		}
	}
}

// writeFile makes one file, readable by all: PostgreSQL may run under another uid. Only the
// archive's executable bit is kept.
func writeFile(root *os.Root, name string, mode fs.FileMode, content io.Reader) error {
	if err := root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	perm := fs.FileMode(0o644)
	if mode&0o100 != 0 {
		perm = 0o755
	}
	out, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, content) // at most header.Size, which unpack has counted
	// The umask may have taken what the other uid needs.
	return errors.Join(err, out.Chmod(perm), out.Close())
}

// link makes the links the archive lists. [os.Root] does not look at where a link leads, so that
// is checked here.
func link(root *os.Root) error {
	text, err := root.ReadFile(links)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var list []struct{ Source, Target string }
	if err := json.Unmarshal(text, &list); err != nil {
		return fmt.Errorf("%s: %w", links, err)
	}
	for _, l := range list {
		for _, name := range []string{l.Source, l.Target} {
			if !filepath.IsLocal(name) || !strings.HasPrefix(path.Clean(name), "native/") {
				return fmt.Errorf("%s: %q is not below native/", links, name)
			}
		}
		to, err := filepath.Rel(path.Dir(l.Target), l.Source)
		if err != nil {
			return fmt.Errorf("%s: %w", links, err)
		}
		if err := root.Symlink(to, l.Target); err != nil {
			return err
		}
	}
	return nil
}
