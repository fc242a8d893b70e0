//go:build unix

package embedded

import (
	"errors"
	"os"
)

// syncDir makes the renames in dir survive a power cut.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
